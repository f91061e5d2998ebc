#pragma once
/// What the probe relearn teaches, whom it asks, and how it trains.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/data/context_limit.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Facts that are taught and facts that are tested: never the same.
struct RelearnSet {
  std::vector<QuestionAnswer> taught;
  std::vector<std::uint8_t> is_asked;  ///< of each of the dataset's forget questions
};

/// forget_part: forget questions by hash of their subject (TOFU without subjects: of the author, 20 questions in a row) or
/// text; the others are asked, but for those whose answer a taught one tells. retain: all retain questions. file: those of
/// the file. With the latter two all forget questions are asked, but for those that the retain set has, too. @throws
/// UserError where nothing is left to teach or to ask, for a file of another content than relearn.file_checksum says, and
/// for each entry of the file that is a forget question or tells the answer of one, naming both.
RelearnSet relearn_set(const Configuration& configuration, const Dataset& dataset);

/// relearn_set(), where the configuration asks for that probe: before anything is trained.
void check_relearning(const Configuration& configuration, const Dataset& dataset);

bool relearns(const ProbeOptions& options);

/// Fills in relearn.file_checksum, unless it is given. Collective over `world`. @throws UserError when ranks read different
/// contents.
void pin_relearn_file(const Communicator& world, Configuration& configuration);

/// Of the file; "": there is none.
std::string checksum_of_relearn_file(const RelearnOptions& options);

/// Questions with loss on answers and their ends, made to fit the model's context as `limit` says.
std::vector<Example> relearn_examples(const RelearnSet& set, const Tokenizer& tokenizer,
                                      const PromptTemplate& prompt_template, const ContextLimit& limit);

/// The training of so many steps.
TrainOptions relearn_training(const Configuration& configuration, std::int64_t steps);

}  // namespace unpact
