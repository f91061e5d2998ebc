#include "prepared.hpp"

#include <utility>

#include "../own_answers.hpp"
#include "../think.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

void leave_out_long(const ProbeTask& task, const GenerationOptions& generation, std::vector<PreparedAttempt>& attempts,
                    std::vector<std::size_t>& slots, ProbeRecord& record) {
  std::size_t kept = 0;
  std::vector<bool> asked(task.probed.size(), false);
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    if (!fits(task, generation, attempts[i].prompt)) continue;
    asked[slots[i] / task.budget] = true;
    slots[kept] = slots[i];
    if (kept != i) attempts[kept] = std::move(attempts[i]);
    ++kept;
  }
  if (kept == attempts.size()) return;
  if (task.group.rank() == 0)
    log::warn(concat(attempts.size() - kept, " of ", attempts.size(), " attempts of the probe ", record.name,
                     " are longer than the model's context of ", task.model.transformer.config().max_positions,
                     " tokens and are not made"));
  attempts.resize(kept);
  slots.resize(kept);
  for (std::size_t p = 0; p < asked.size(); ++p)
    if (!asked[p]) record.asked[p] = static_cast<std::uint8_t>(Asked::no);
}

}  // namespace

bool fits(const ProbeTask& task, const GenerationOptions& generation, const std::vector<TokenId>& prompt) {
  constexpr std::int64_t letter = 4;  // tokens, at most
  const auto answer = task.style == AnswerStyle::text
                          ? static_cast<std::int64_t>(most_new_tokens(task.model.prompt_template, generation))
                          : letter;
  return static_cast<std::int64_t>(prompt.size()) + answer <= task.model.transformer.config().max_positions;
}

void PreparedProbe::attempt(const ProbeTask& task, ProbeRecord& record) const {
  record.attempt_labels = labels(task);
  UNPACT_EXPECT(record.attempt_labels.size() == task.budget);
  std::vector<PreparedAttempt> attempts;
  std::vector<std::size_t> slots;
  for (std::size_t p = 0; p < task.probed.size(); ++p) {
    const auto before = attempts.size();
    for (std::size_t a = 0; a < task.budget; ++a) {
      auto prepared = prepare(task, p, a);
      if (!prepared) continue;
      attempts.push_back(std::move(*prepared));
      slots.push_back(p * task.budget + a);
    }
    const auto asked = attempts.size() == before ? Asked::no : asked_as(task, task.probed[p]);
    record.asked.push_back(static_cast<std::uint8_t>(asked));
  }
  answer_prepared(task, generation_, std::move(attempts), std::move(slots), record);
}

void answer_prepared(const ProbeTask& task, const GenerationOptions& generation, std::vector<PreparedAttempt> attempts,
                     std::vector<std::size_t> slots, ProbeRecord& record) {
  leave_out_long(task, generation, attempts, slots, record);
  const auto count = task.probed.size() * task.budget;
  record.answer.resize(count);
  record.put.resize(count);
  record.prompt.resize(count);
  record.tokens.resize(count);
  PromptsToAnswer asked;
  for (std::size_t i = 0; i < attempts.size(); ++i) {
    auto& attempt = attempts[i];
    const auto q = task.probed[slots[i] / task.budget];
    if (!attempt.gold.empty()) record.gold.resize(count);
    if (!attempt.gold.empty()) record.gold[slots[i]] = std::move(attempt.gold);
    record.put[slots[i]] = std::move(attempt.put);
    record.tokens[slots[i]] = static_cast<std::int32_t>(attempt.spent);
    record.prompt[slots[i]] = attempt.prompt;
    asked.prompts.push_back(std::move(attempt.prompt));
    asked.choices.push_back(task.questions[q].pair.choices.size());
  }
  const auto answers = answers_in_pages(task.group, task.model, asked, generation, task.style, task.pages);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    record.answer[slots[i]] = answers[i].text;
    record.tokens[slots[i]] += static_cast<std::int32_t>(asked.prompts[i].size() + answers[i].ids.size());
  }
}

}  // namespace unpact
