#include "converse.hpp"

#include <algorithm>
#include <utility>

#include "../own_answers.hpp"
#include "prepared.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr const char* kOwnAnswer = "{answer}";

/// The turns up to the user's turn number `last` (0, 2, ...) as a prompt; the assistant's before it are said.
std::vector<TokenId> prompt_of_turns(const LanguageModel& model, const AskedQuestion& asked, const WrittenAttempt& written,
                                     const std::vector<std::string>& turns, std::size_t last) {
  auto layout = model.prompt_template;
  if (!written.system.empty()) layout.system = written.system;
  auto before = asked.examples ? *asked.examples : std::vector<InContextExample>{};
  for (std::size_t t = 0; t < last; t += 2) before.emplace_back(turns[t], turns[t + 1]);
  return build_prompt(*model.tokenizer, layout, turns[last], before, asked.pair.introduction).ids;
}

/// A conversation so far.
struct Going {
  const Conversation* from;
  std::vector<std::string> turns;
  std::size_t spent = 0;
};

/// Answers what the model itself says in turn number `turn`. @return whether some conversation goes on after it.
bool say_own_turns(const ProbeTask& task, const GenerationOptions& generation, std::vector<Going>& all, std::size_t turn) {
  PromptsToAnswer prompts;
  std::vector<Going*> speakers;
  bool goes_on = false;
  for (auto& one : all) {
    goes_on = goes_on || turn + 1 < one.turns.size();
    if (turn >= one.turns.size() || one.turns[turn].find(kOwnAnswer) == std::string::npos) continue;
    const auto& question = task.questions[task.probed[one.from->p]];
    auto prompt = prompt_of_turns(task.model, question, one.from->written, one.turns, turn - 1);
    if (!fits(task, generation, prompt)) {
      one.turns.resize(turn);  // ends here; as a prompt it is too long, too, and left out there
      continue;
    }
    prompts.prompts.push_back(std::move(prompt));
    prompts.choices.push_back(0);
    speakers.push_back(&one);
  }
  auto pages = task.pages;
  pages.stage += concat("_turn", turn);
  const auto answers = answers_in_pages(task.group, task.model, prompts, generation, AnswerStyle::text, pages);
  for (std::size_t i = 0; i < speakers.size(); ++i) {
    auto& said = speakers[i]->turns[turn];
    said = replace_all(said, kOwnAnswer, answers[i].text);
    if (trim(said).empty()) said = "...";  // a model that says nothing
    speakers[i]->spent += prompts.prompts[i].size() + answers[i].ids.size();
  }
  return goes_on;
}

/// The last turn of a conversation, as a prompt.
PreparedAttempt last_turn(const ProbeTask& task, const Going& one) {
  const auto& written = one.from->written;
  PreparedAttempt attempt;
  for (const auto& said : written.turns) attempt.put += (attempt.put.empty() ? "" : "\n") + said;
  attempt.prompt =
      prompt_of_turns(task.model, task.questions[task.probed[one.from->p]], written, one.turns, one.turns.size() - 1);
  if (!written.prefill.empty()) {
    begin_answer(task.model, written.prefill, attempt.prompt);
    attempt.put += " " + written.prefill;
  }
  attempt.gold = written.gold;
  attempt.spent = one.spent;
  return attempt;
}

}  // namespace

void converse(const ProbeTask& task, const GenerationOptions& generation, const std::vector<Conversation>& conversations,
              ProbeRecord& record) {
  UNPACT_EXPECT(record.attempt_labels.size() == task.budget);
  std::vector<Going> all;
  for (const auto& one : conversations) all.push_back({&one, one.written.turns});
  for (std::size_t turn = 1; say_own_turns(task, generation, all, turn); turn += 2) continue;
  std::vector<PreparedAttempt> attempts;
  std::vector<std::size_t> slots;
  record.asked.assign(task.probed.size(), static_cast<std::uint8_t>(Asked::no));
  for (const auto& one : all) {
    attempts.push_back(last_turn(task, one));
    slots.push_back(one.from->p * task.budget + one.from->place);
    record.asked[one.from->p] = static_cast<std::uint8_t>(Asked::yes);
  }
  answer_prepared(task, generation, std::move(attempts), std::move(slots), record);
}

}  // namespace unpact
