#include "probes.hpp"
#include "unpact/core/text.hpp"
#include "../own_answers.hpp"

namespace unpact {
namespace {

/// The plain prompt, multinomial answers (style choice: letters drawn from the letters' probabilities). Sampling depends
/// on seed, question and sample alone.
class Probab : public Probe {
 public:
  Probab(const ProbeOptions& options, const GenerationOptions& generation) : generation_(generation) {
    generation_.sample = true;
    generation_.temperature = options.temperature;
    generation_.top_p = options.top_p;
  }

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    for (std::size_t s = 0; s < task.budget; ++s) record.attempt_labels.push_back(concat("sample ", s + 1));
    PromptsToAnswer asked;
    for (const auto q : task.probed) {
      for (std::size_t s = 0; s < task.budget; ++s) {
        record.put.push_back(task.questions[q].pair.question);
        asked.prompts.push_back(task.questions[q].prompt.ids);
        asked.streams.push_back((static_cast<std::uint64_t>(q) << 20) + s);
        asked.choices.push_back(task.questions[q].pair.choices.size());
      }
    }
    for (auto& answer : answers_in_pages(task.group, task.model, asked, generation_, task.style, task.pages)) {
      const auto& prompt = asked.prompts[record.answer.size()];
      record.tokens.push_back(static_cast<std::int32_t>(prompt.size() + answer.ids.size()));
      record.answer.push_back(std::move(answer.text));
    }
    record.prompt = std::move(asked.prompts);
  }

 private:
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_probab(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<Probab>(options, generation);
}

}  // namespace unpact
