/// A universal soft prompt: vectors in front of the question, trained on half of the forget questions, tried on the others.
#include "../soft_prompt.hpp"

#include <algorithm>

#include "probes.hpp"
#include "unpact/comm/stop_together.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/halves.hpp"
#include "unpact/evaluation/changed_model.hpp"

namespace unpact {
namespace {

constexpr double kAskedShare = 0.5;

/// The forget questions that are trained on, by hash of the subject or the question: the same for all models.
std::vector<std::uint8_t> taught_questions(const std::vector<AskedQuestion>& questions) {
  std::vector<QuestionAnswer> pairs;
  for (const auto& asked : questions)
    if (asked.in_forget_set) pairs.push_back(asked.pair);
  make_halves(pairs, kAskedShare);
  std::vector<std::uint8_t> taught;
  std::size_t next = 0;
  for (const auto& asked : questions)
    taught.push_back(asked.in_forget_set && pairs[next++].half == SetHalf::trained ? 1 : 0);
  return taught;
}

class SoftPrompt : public Probe {
 public:
  SoftPrompt(const SoftPromptOptions& options, const GenerationOptions& generation)
      : options_(options), generation_(generation), steps_(read_steps(options.steps, "soft_prompt.steps")) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    for (const auto step : steps_) record.attempt_labels.push_back(concat("after ", step, " steps"));
    record.steps = steps_;
    const auto taught = taught_questions(task.questions);
    const bool can_train = is_usable(task);
    std::size_t asked = 0;
    for (const auto q : task.probed) {
      const bool is_asked = can_train && taught[q] == 0 && fits(task, task.questions[q]);
      record.asked.push_back(static_cast<std::uint8_t>(is_asked ? Asked::yes : Asked::no));
      asked += is_asked;
    }
    std::vector<TrainedVectors> trained(steps_.size());
    if (asked > 0) trained = train(task, taught);
    for (std::size_t a = 0; a < steps_.size(); ++a) {
      const auto make = [&] {
        return MadeModel{with_soft_tokens(task.model, trained[a].values, options_.tokens), trained[a].loss,
                         trained[a].tokens};
      };
      const auto prompt = [&](const AskedQuestion& question) {
        return with_soft_prompt(task.model.transformer, question.prompt, options_.tokens);
      };
      record.losses.push_back(answer_by(task, generation_, {concat("step", steps_[a]), a, make, prompt}, record));
    }
  }

 private:
  /// Whether the model can be differentiated: whole on every rank, and answering alone.
  static bool is_usable(const ProbeTask& task) {
    const auto& model = task.model.transformer;
    if (model.runner() == nullptr && model.reinforced() == nullptr) return true;
    if (task.group.is_root() && !task.probed.empty())
      log::warn("probe 'soft_prompt' asks nothing: the model lies on shards, or answers by two");
    return false;
  }

  bool fits(const ProbeTask& task, const AskedQuestion& asked) const {
    const auto longest =
        std::max<std::int64_t>(generation_.max_new_tokens, static_cast<std::int64_t>(asked.gold_answer.size()));
    return static_cast<std::int64_t>(asked.prompt.ids.size()) + options_.tokens + longest <=
           task.model.transformer.config().max_positions;
  }

  std::vector<TrainedVectors> train(const ProbeTask& task, const std::vector<std::uint8_t>& taught) const {
    std::vector<const AskedQuestion*> examples;
    for (std::size_t q = 0; q < task.questions.size(); ++q)
      if (taught[q] != 0 && fits(task, task.questions[q])) examples.push_back(&task.questions[q]);
    UNPACT_VALIDATE(!examples.empty(), "probe 'soft_prompt' has no question to train on",
                    "no forget question of its half fits the model's context with the vectors",
                    "lower soft_prompt.tokens, or leave the probe out");
    // Forget and retain questions are tried with the same vectors of the unlearned model.
    const bool of_unlearned = task.stage == "probe_" || task.stage == "retain_";
    const auto stage = (of_unlearned ? "unlearned_" : task.stage) + "soft_prompt_vectors";
    const auto& model = task.model.transformer;
    std::vector<TrainedVectors> trained;
    auto vectors = untrained_vectors(model, starting_tokens(model, options_.tokens, task.seed));
    const auto heed_stop = [&](std::int64_t done) {
      constexpr double kReserve = 10;  // seconds to end in
      if (task.pages.pages != nullptr)
        stop_together(task.group, kReserve, concat(done, " of ", steps_.back(), " steps (", stage, ")"));
    };
    for (const auto steps : steps_) {  // a page each
      vectors = run_in_pages({task.pages.pages, concat(stage, "_", steps), 1}, 1, [&](std::size_t, std::size_t) {
                  return std::vector{
                      train_soft_prompt(task.group, model, examples, options_, vectors, steps, task.seed, heed_stop)};
                }).front();
      trained.push_back(vectors);
    }
    return trained;
  }

  SoftPromptOptions options_;
  GenerationOptions generation_;
  std::vector<std::int64_t> steps_;
};

}  // namespace

std::unique_ptr<const Probe> make_soft_prompt(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<SoftPrompt>(options.soft_prompt, generation);
}

}  // namespace unpact
