#pragma once
/// What an unlearning method learns from: examples, answers to prefer, weights of tokens.
#include "unpact/data/dataset.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// The examples of both sets, and what the configured method asks for besides. @throws UserError naming file and line.
UnlearnData unlearn_data(const Configuration& configuration, const Dataset& dataset, const Tokenizer& tokenizer,
                         const PromptTemplate& prompt_template);

}  // namespace unpact
