#pragma once
/// What an unlearning method learns from: examples, answers to prefer, weights of tokens.
#include <filesystem>

#include "unpact/campaign/question_contributions.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/checkpoint/config.hpp"
#include "unpact/data/context_limit.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// Fills in method.file_checksum, unless it is given, from the file that the method needs. Whoever reads it later is then
/// refused another content. Collective over `world`. @throws UserError when ranks read different contents.
void pin_method_file(const Communicator& world, Configuration& configuration);

/// Fills in unlearn.forget_sets_checksum, unless it is given. Collective over `world`. @param dataset its folder. @throws
/// UserError as read_forget_set(), and when ranks read different contents.
void pin_forget_sets(const Communicator& world, const std::filesystem::path& dataset, UnlearnOptions& options);

/// Names what the examples of a cell are made by: equal text, equal examples.
std::string data_key(const Configuration& configuration);

/// @throws UserError where a set has nothing of the form that is unlearned: what can be said without a tokenizer.
void check_sets(const UnlearnOptions& options, const Dataset& dataset);

/// What a training on this model makes of examples longer than its context.
ContextLimit context_limit(const Configuration& configuration, const ModelConfig& model);

/// The examples of both sets, and what the configured method asks for besides. @throws UserError naming file and line, also
/// of an example that does not fit the limit. @param contributions those of this configuration (contributions_to_train),
/// which a training needs; null: there are none yet, so that weights of method.weighting = attribution are missing, and
/// unlearn.phrased makes examples as if every word were a KeyToken's: as many and as long as they can become.
UnlearnData unlearn_data(const Configuration& configuration, const Dataset& dataset, const Tokenizer& tokenizer,
                         const PromptTemplate& prompt_template, const ContextLimit& limit,
                         const TrainedContributions* contributions = nullptr);

/// The weights that stand before the training as a file of method.weighting = given has them, from which training gives the
/// same numbers; empty: there are none.
std::string lines_of_weights(const UnlearnData& data);

}  // namespace unpact
