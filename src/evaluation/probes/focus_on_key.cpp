#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "../own_answers.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace {

/// The question with a phrase that names its key words, one greedy answer a phrasing. A question without key words cannot
/// be emphasised: its attempts are empty answers. In-context examples stay in front, choices below.
class FocusOnKey : public Probe {
 public:
  FocusOnKey(std::vector<std::string> phrasings, const GenerationOptions& generation)
      : phrasings_(std::move(phrasings)), generation_(generation) {
    check_phrasings(phrasings_);
  }

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    UNPACT_EXPECT(task.budget <= phrasings_.size());
    record.attempt_labels.assign(phrasings_.begin(), phrasings_.begin() + static_cast<std::ptrdiff_t>(task.budget));
    record.answer.resize(task.probed.size() * task.budget);
    PromptsToAnswer asked;
    std::vector<std::size_t> slots;
    for (std::size_t p = 0; p < task.probed.size(); ++p) {
      const auto q = task.probed[p];
      if (task.keys[q].empty()) continue;
      for (std::size_t a = 0; a < task.budget; ++a) {
        asked.prompts.push_back(emphasised(task.model, task.questions[q], phrasings_[a], task.keys[q]));
        asked.choices.push_back(task.questions[q].pair.choices.size());
        slots.push_back(p * task.budget + a);
      }
    }
    const auto answers = answers_in_pages(task.group, task.model, asked, generation_, task.style, task.pages);
    for (std::size_t i = 0; i < slots.size(); ++i) record.answer[slots[i]] = answers[i].text;
  }

 private:
  static std::vector<TokenId> emphasised(const LanguageModel& model, const AskedQuestion& asked, const std::string& phrasing,
                                         const std::vector<std::string>& keys) {
    const auto text = question_text(fill_phrasing(phrasing, asked.pair.question, keys), asked.pair.choices);
    const auto examples = asked.examples ? *asked.examples : std::vector<InContextExample>{};
    return build_prompt(*model.tokenizer, model.prompt_template, text, examples, asked.pair.introduction).ids;
  }

  std::vector<std::string> phrasings_;
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_focus_on_key(const ProbeOptions& options, const GenerationOptions& generation) {
  return std::make_unique<FocusOnKey>(options.resolve_phrasings(), generation);
}

}  // namespace unpact
