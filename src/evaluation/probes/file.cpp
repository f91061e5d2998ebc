#include <algorithm>
#include <map>

#include "../own_answers.hpp"
#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"

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

/// What somebody wrote for each question, one greedy answer an attempt; turns of its own are answered one after the other.
class FileProbe : public Probe {
 public:
  FileProbe(std::string name, const GenerationOptions& generation) : name_(std::move(name)), generation_(generation) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    auto asked = attempts_of(task);
    auto widened = task;  // as many attempts as the question that has most
    widened.budget = 0;
    for (const auto& one : asked) widened.budget = std::max(widened.budget, one.place + 1);
    for (std::size_t a = 0; a < widened.budget; ++a) record.attempt_labels.push_back(concat("written ", a + 1));
    for (std::size_t turn = 1; say_own_turns(task, asked, turn); turn += 2) continue;
    finish(widened, asked, record);
  }

 private:
  struct One {
    std::size_t p, place;
    const WrittenAttempt* written;
    std::vector<std::string> turns;
    std::size_t spent = 0;
  };

  std::vector<One> attempts_of(const ProbeTask& task) const {
    std::vector<One> asked;
    for (std::size_t p = 0; p < task.probed.size(); ++p) {
      std::size_t place = 0;
      for (const auto& written : task.questions[task.probed[p]].pair.attempts)
        if (written.probe == name_) asked.push_back({p, place++, &written, written.turns});
    }
    return asked;
  }

  /// Answers what the model itself says in turn number `turn`. @return whether some conversation goes on after it.
  bool say_own_turns(const ProbeTask& task, std::vector<One>& asked, std::size_t turn) const {
    PromptsToAnswer prompts;
    std::vector<One*> speakers;
    bool goes_on = false;
    for (auto& one : asked) {
      goes_on = goes_on || turn + 1 < one.turns.size();
      if (turn >= one.turns.size() || one.turns[turn].find(kOwnAnswer) == std::string::npos) continue;
      const auto& question = task.questions[task.probed[one.p]];
      auto prompt = prompt_of_turns(task.model, question, *one.written, one.turns, turn - 1);
      if (!fits(task, generation_, prompt)) {
        one.turns.resize(turn);  // ends here; as a prompt it is too long, too, and left out there
        continue;
      }
      prompts.prompts.push_back(std::move(prompt));
      prompts.choices.push_back(0);
      speakers.push_back(&one);
    }
    auto pages = task.pages;
    pages.stage += concat("_turn", turn);
    const auto answers = answers_in_pages(task.group, task.model, prompts, generation_, AnswerStyle::text, pages);
    for (std::size_t i = 0; i < speakers.size(); ++i) {
      auto& said = speakers[i]->turns[turn];
      said = replace_all(said, kOwnAnswer, answers[i].text);
      if (trim(said).empty()) said = "...";  // a model that says nothing
      speakers[i]->spent += prompts.prompts[i].size() + answers[i].ids.size();
    }
    return goes_on;
  }

  void finish(const ProbeTask& task, const std::vector<One>& asked, ProbeRecord& record) const {
    std::vector<PreparedAttempt> attempts;
    std::vector<std::size_t> slots;
    record.asked.assign(task.probed.size(), static_cast<std::uint8_t>(Asked::no));
    for (const auto& one : asked) {
      const auto& question = task.questions[task.probed[one.p]];
      auto& attempt = attempts.emplace_back();
      for (const auto& said : one.turns) attempt.put += (attempt.put.empty() ? "" : "\n") + said;
      attempt.prompt = prompt_of_turns(task.model, question, *one.written, one.turns, one.turns.size() - 1);
      if (!one.written->prefill.empty()) {
        begin_answer(task.model, one.written->prefill, attempt.prompt);
        attempt.put += " " + one.written->prefill;
      }
      attempt.gold = one.written->gold;
      attempt.spent = one.spent;
      slots.push_back(one.p * task.budget + one.place);
      record.asked[one.p] = static_cast<std::uint8_t>(Asked::yes);
    }
    answer_prepared(task, generation_, std::move(attempts), std::move(slots), record);
  }

  std::string name_;
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_file_probe(const std::string& name, const GenerationOptions& generation) {
  return std::make_unique<FileProbe>(name, generation);
}

std::unique_ptr<const Probe> make_no_probe(const ProbeOptions&, const GenerationOptions&) {
  UNPACT_EXPECT(false);  // rows_to_run()
  return nullptr;
}

}  // namespace unpact
