#pragma once
/// What an unlearning method learns from: examples, answers to prefer, weights of tokens.
#include <string>

#include "unpact/data/dataset.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// The file that the method reads besides: answers to prefer, or weights of tokens; empty: none.
const std::string& file_of(const MethodOptions& method);

/// The examples of both sets, and what the configured method asks for besides. @throws UserError naming file and line.
UnlearnData unlearn_data(const Configuration& configuration, const Dataset& dataset, const Tokenizer& tokenizer,
                         const PromptTemplate& prompt_template);

}  // namespace unpact
