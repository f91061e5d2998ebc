/// Dialogues that lead up to the question: an earlier turn about it, which the model answers itself.
#include <memory>
#include <string>
#include <vector>

#include "converse.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {
namespace {

struct Lead {
  std::string first, then;
};

const std::vector<Lead>& leads() {
  static const std::vector<Lead> all = {
      {"What is this question about? {question}", "Now answer it: {question}"},
      {"What does one have to know to answer this? {question}", "You do. {question}"},
      {"Which names and things does this question mention, and what do you know of them? {question}", "{question}"},
      {"Give three answers that this question might have: {question}", "Which answer is right? {question}"},
      {"Put this question in your own words: {question}", "Answer your question, which is mine, too: {question}"},
  };
  return all;
}

/// Nothing in these turns depends on the answer.
class MultiTurn : public Probe {
 public:
  explicit MultiTurn(const GenerationOptions& generation) : generation_(generation) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    UNPACT_EXPECT(task.budget <= leads().size());
    std::vector<Conversation> conversations;
    for (std::size_t p = 0; p < task.probed.size(); ++p) {
      const auto& pair = task.questions[task.probed[p]].pair;
      const auto text = question_text(pair.question, pair.choices);
      for (std::size_t a = 0; a < task.budget; ++a) {
        WrittenAttempt written;
        written.turns = {fill_phrasing(leads()[a].first, text, {}), "{answer}", fill_phrasing(leads()[a].then, text, {})};
        conversations.push_back({p, a, std::move(written)});
      }
    }
    for (std::size_t a = 0; a < task.budget; ++a)
      record.attempt_labels.push_back(concat(leads()[a].first, " ... ", leads()[a].then));
    converse(task, generation_, conversations, record);
  }

 private:
  GenerationOptions generation_;
};

}  // namespace

std::unique_ptr<const Probe> make_multi_turn(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<MultiTurn>(generation);
}

}  // namespace unpact
