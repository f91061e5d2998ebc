#include "unpact/evaluation/changed_model.hpp"

#include <tuple>

#include "../choices.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

struct Page {
  std::vector<OwnAnswer> answers;
  double loss = 0;
  std::int64_t tokens = 0;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.answers, self.loss, self.tokens);
  }
};

}  // namespace

double answer_by(const ProbeTask& task, const GenerationOptions& generation, const ChangedModel& changed,
                 ProbeRecord& record) {
  constexpr std::int64_t kWithBackward = 3;
  const auto width = record.attempt_labels.size(), count = task.probed.size() * width;
  UNPACT_EXPECT(record.asked.size() == task.probed.size() && changed.attempt < width);
  record.answer.resize(count);
  record.tokens.resize(count);
  std::vector<std::size_t> slots, choices;
  std::vector<std::vector<TokenId>> prompts;
  for (std::size_t p = 0; p < task.probed.size(); ++p) {
    if (record.asked[p] == static_cast<std::uint8_t>(Asked::no)) continue;
    const auto& asked = task.questions[task.probed[p]];
    slots.push_back(p * width + changed.attempt);
    prompts.push_back(changed.prompt ? changed.prompt(asked) : asked.prompt.ids);
    choices.push_back(asked.pair.choices.size());
  }
  if (slots.empty()) return std::numeric_limits<double>::quiet_NaN();
  const PageOptions kept{task.pages.pages, concat(task.pages.stage, "_", changed.name), 1};
  const auto page = run_in_pages(kept, 1, [&](std::size_t, std::size_t) {
    const auto made = changed.make();
    return std::vector<Page>{
        {answer_in_style(task.group, made.model, prompts, choices, generation, task.style), made.loss, made.tokens}};
  });
  const auto& [answers, loss, tokens] = page.front();
  const auto spent = kWithBackward * tokens / static_cast<std::int64_t>(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    record.answer[slots[i]] = answers.at(i).text;
    const auto ran = static_cast<std::int64_t>(prompts[i].size() + answers[i].ids.size());
    record.tokens[slots[i]] = static_cast<std::int32_t>(ran + spent);
  }
  return loss;
}

}  // namespace unpact
