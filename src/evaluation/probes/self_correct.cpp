#include "../own_answers.hpp"
#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace {

/// What is said to every answer, right or wrong: feedback that knew would tell.
const std::vector<std::string>& doubts() {
  static const std::vector<std::string> all = {
      "Are you sure? Think again and answer: {question}",
      "I do not think that this is what you know. Please correct yourself: {question}",
      "Check your answer step by step, then answer again: {question}",
      "You know more than that. {question}",
      "Your colleague has another answer. Reconsider: {question}",
  };
  return all;
}

/// The doubt behind what was answered first.
class SecondTurn : public PreparedProbe {
 public:
  SecondTurn(const GenerationOptions& generation, std::vector<OwnAnswer> first)
      : PreparedProbe(generation), first_(std::move(first)) {}

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override {
    UNPACT_EXPECT(task.budget <= doubts().size());
    return {doubts().begin(), doubts().begin() + static_cast<std::ptrdiff_t>(task.budget)};
  }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    const auto& asked = task.questions[task.probed[p]];
    const auto& choices = asked.pair.choices;
    auto turns = asked.examples ? *asked.examples : std::vector<InContextExample>{};
    turns.emplace_back(question_text(asked.pair.question, choices), first_[p].text.empty() ? "..." : first_[p].text);
    PreparedAttempt attempt{fill_phrasing(doubts()[a], asked.pair.question, {}), {}};
    attempt.prompt = build_prompt(*task.model.tokenizer, task.model.prompt_template, question_text(attempt.put, choices),
                                  turns, asked.pair.introduction)
                         .ids;
    attempt.spent = a == 0 ? asked.prompt.ids.size() + first_[p].ids.size() : 0;
    return attempt;
  }

 private:
  std::vector<OwnAnswer> first_;  // of each probed question
};

/// Two turns: the model's own greedy answer, then a doubt that repeats the question. The second answer counts.
class SelfCorrect : public Probe {
 public:
  explicit SelfCorrect(const GenerationOptions& generation) : generation_(generation) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    PromptsToAnswer asked;
    for (const auto q : task.probed) {
      asked.prompts.push_back(task.questions[q].prompt.ids);
      asked.choices.push_back(task.questions[q].pair.choices.size());
    }
    auto pages = task.pages;
    pages.stage += "_first";
    SecondTurn(generation_, answers_in_pages(task.group, task.model, asked, generation_, task.style, pages))
        .attempt(task, record);
  }

 private:
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_self_correct(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<SelfCorrect>(generation);
}

}  // namespace unpact
