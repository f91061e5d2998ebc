#include <utility>

#include "../own_answers.hpp"
#include "probes.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

/// The plain question with a stated amount of thinking, whatever generation.thinking says: one greedy answer, the others drawn as
/// Probab draws. Of models that do not think nothing is asked.
class WithThinking : public Probe {
 public:
  WithThinking(Thinking thinking, const ProbeOptions& options, const GenerationOptions& generation)
      : greedy_(generation), drawn_(generation) {
    greedy_.thinking = drawn_.thinking = thinking;
    drawn_.sample = true;
    drawn_.temperature = options.temperature;
    drawn_.top_p = options.top_p;
  }

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    record.attempt_labels.emplace_back("greedy");
    for (std::size_t s = 1; s < task.budget; ++s) record.attempt_labels.push_back(concat("sample ", s));
    const auto count = task.probed.size() * task.budget;
    record.answer.resize(count);
    record.put.resize(count);
    record.prompt.resize(count);
    record.tokens.resize(count);
    const bool asks = task.style == AnswerStyle::text && thinks(task.model.prompt_template);
    record.asked.assign(task.probed.size(), static_cast<std::uint8_t>(asks ? Asked::yes : Asked::no));
    if (!asks) return;
    answer(task, 0, 1, greedy_, "_greedy", record);
    answer(task, 1, task.budget, drawn_, "", record);
  }

 private:
  /// Attempts first .. last-1 of every question.
  static void answer(const ProbeTask& task, std::size_t first, std::size_t last, const GenerationOptions& generation,
                     const std::string& ending, ProbeRecord& record) {
    PromptsToAnswer asked;
    std::vector<std::size_t> slots;
    for (std::size_t p = 0; p < task.probed.size(); ++p) {
      const auto q = task.probed[p];
      for (auto a = first; a < last; ++a) {
        slots.push_back(p * task.budget + a);
        asked.prompts.push_back(task.questions[q].prompt.ids);
        asked.streams.push_back((static_cast<std::uint64_t>(q) << 20) + a);
        asked.choices.push_back(0);
      }
    }
    auto pages = task.pages;
    pages.stage += ending;
    const auto answers = answers_in_pages(task.group, task.model, asked, generation, task.style, pages);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const auto& one = answers[i];
      record.put[slots[i]] = task.questions[task.probed[slots[i] / task.budget]].pair.question;
      record.answer[slots[i]] = one.text;
      record.tokens[slots[i]] = static_cast<std::int32_t>(asked.prompts[i].size() + one.thought.ids.size() + one.ids.size());
      record.prompt[slots[i]] = std::move(asked.prompts[i]);
    }
  }

  GenerationOptions greedy_, drawn_;
};

}  // namespace

std::unique_ptr<const Probe> make_thinking_none(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<WithThinking>(Thinking::none, options, generation);
}
std::unique_ptr<const Probe> make_thinking_short(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<WithThinking>(Thinking::brief, options, generation);
}
std::unique_ptr<const Probe> make_thinking_full(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<WithThinking>(Thinking::full, options, generation);
}

}  // namespace unpact
