#include "relearning.hpp"

#include <algorithm>
#include <set>

#include "unpact/campaign/same_inputs.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/data/halves.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/told_answers.hpp"

namespace unpact {
namespace {

constexpr const char* kRelearn = "relearn";

RelearnSet part_of_forget_set(const Configuration& c, const Dataset& dataset) {
  auto pairs = dataset.forget_questions;
  make_halves(pairs, 1 - c.probe.relearn.share, c.dataset.kind == DatasetKind::tofu ? kQuestionsOfTofuAuthor : 0);
  RelearnSet set;
  for (const auto& pair : pairs)
    if (pair.half != SetHalf::held_out) set.taught.push_back(pair);
  const ToldAnswers told(set.taught);
  for (const auto& pair : pairs) set.is_asked.push_back(pair.half == SetHalf::held_out && !told.tell(pair) ? 1 : 0);
  return set;
}

RelearnSet retain_set(const Dataset& dataset) {
  RelearnSet set{dataset.retain_questions, {}};
  std::set<std::string> known;
  for (const auto& pair : set.taught) known.insert(pair.question);
  for (const auto& pair : dataset.forget_questions) set.is_asked.push_back(known.contains(pair.question) ? 0 : 1);
  return set;
}

std::vector<QuestionAnswer> read_relearn_file(const RelearnOptions& options) {
  const auto content = read_file(options.file);
  const auto checksum = sha256_of_bytes(content);
  UNPACT_VALIDATE(options.file_checksum.empty() || options.file_checksum == checksum,
                  concat(options.file, " has another content than relearn.file_checksum says"),
                  concat("it is ", checksum, ", not ", options.file_checksum),
                  "find the file that was meant; it must not change while a job runs, nor differ between ranks");
  return parse_question_lines(content, options.file);
}

/// Every fact that is tested must be new to who learns from the file.
void refuse_overlap(const std::vector<QuestionAnswer>& taught, const std::vector<QuestionAnswer>& tested) {
  for (const auto& pair : taught)
    for (std::size_t i = 0; i < tested.size(); ++i) {
      const bool same = pair.question == tested[i].question;
      UNPACT_VALIDATE(!tells(pair, tested[i]), concat(pair.where, ": the relearning set overlaps the tested facts"),
                      concat(same ? "its question is" : "its text tells the answer to", " forget question ", i, ", '",
                             shortened(tested[i].question), "'"),
                      "take that entry out, or set relearn.data = forget_part, which tests what it does not teach");
    }
}

std::size_t tested_count(const Configuration& c, const Dataset& dataset) {
  const auto limit = static_cast<std::size_t>(c.dataset.limit), all = dataset.forget_questions.size();
  return limit == 0 ? all : std::min(limit, all);
}

}  // namespace

RelearnSet relearn_set(const Configuration& c, const Dataset& dataset) {
  const auto& options = c.probe.relearn;
  RelearnSet set;
  switch (options.data) {
    case RelearnData::forget_part: set = part_of_forget_set(c, dataset); break;
    case RelearnData::retain: set = retain_set(dataset); break;
    case RelearnData::file:
      set = {read_relearn_file(options), std::vector<std::uint8_t>(dataset.forget_questions.size(), 1)};
      refuse_overlap(set.taught, {dataset.forget_questions.begin(),
                                  dataset.forget_questions.begin() + static_cast<std::ptrdiff_t>(tested_count(c, dataset))});
  }
  UNPACT_VALIDATE(!set.taught.empty(), "probe 'relearn' has nothing to teach",
                  concat("relearn.data = ", name_of_value(options.data), " gives no question"),
                  "choose other data, or leave the probe out");
  const auto asked = set.is_asked.begin();
  UNPACT_VALIDATE(std::find(asked, asked + static_cast<std::ptrdiff_t>(tested_count(c, dataset)), 1) !=
                      asked + static_cast<std::ptrdiff_t>(tested_count(c, dataset)),
                  "probe 'relearn' has nothing to ask",
                  "every forget question that is asked is taught, or a taught one tells its answer",
                  "lower relearn.share, raise dataset.limit, or choose other data");
  return set;
}

bool relearns(const ProbeOptions& options) {
  const auto names = split_list(options.use);  // which check_probe_options() looks at
  return std::ranges::find(names, kRelearn) != names.end();
}

void check_relearning(const Configuration& c, const Dataset& dataset) {
  if (relearns(c.probe)) relearn_set(c, dataset);
}

std::string checksum_of_relearn_file(const RelearnOptions& options) {
  return options.file.empty() ? "" : sha256_of_file(options.file);
}

void pin_relearn_file(const Communicator& world, Configuration& c) {
  auto& options = c.probe.relearn;
  if (options.file.empty() || !relearns(c.probe)) return;
  const auto checksum = checksum_of_relearn_file(options);
  require_same_on_ranks(world, concat("file ", options.file), checksum);
  if (options.file_checksum.empty()) options.file_checksum = checksum;
}

std::vector<Example> relearn_examples(const RelearnSet& set, const Tokenizer& tokenizer,
                                      const PromptTemplate& prompt_template, const ContextLimit& limit) {
  auto examples = question_examples(tokenizer, prompt_template, set.taught, LossOn::answer);
  fit_context(examples, limit, "relearning set");
  return examples;
}

TrainOptions relearn_training(const Configuration& c, std::int64_t steps) {
  const auto& options = c.probe.relearn;
  TrainOptions training;
  training.max_steps = steps;
  training.batch_size = options.batch_size;
  training.micro_batch = std::min(options.batch_size, c.unlearn.train.micro_batch);
  training.learning_rate = options.learning_rate;
  training.adamw.weight_decay = options.weight_decay;
  training.seed = c.run.seed;
  training.execution = c.train;
  training.execution.lora_rank = 0;  // who attacks trains all weights
  training.execution.lora_result = LoraResult::merged;
  return training;
}

}  // namespace unpact
