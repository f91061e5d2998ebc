#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {
namespace {

using Order = std::vector<std::int64_t>;

AskedQuestion reordered(const AskedQuestion& asked, const Order& order) {
  auto question = asked;
  for (std::size_t i = 0; i < order.size(); ++i)
    question.pair.choices[i] = asked.pair.choices[static_cast<std::size_t>(order[i])];
  return question;
}

/// The choices in another order, drawn for each attempt: takes away what a letter or place is liked for. The answer that is
/// recorded is the letter of the chosen text in the dataset's own order.
class PermuteChoices : public PreparedProbe {
 public:
  using PreparedProbe::PreparedProbe;

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    PreparedProbe::attempt(task, record);
    for (std::size_t slot = 0; slot < record.answer.size(); ++slot) {
      auto& letter = record.answer[slot];
      if (letter.empty()) continue;
      const auto order = order_of(task, task.probed[slot / task.budget], slot % task.budget);
      letter = choice_letter(static_cast<std::size_t>(order.at(static_cast<std::size_t>(letter.front() - 'A'))));
    }
  }

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override {
    std::vector<std::string> all;
    for (std::size_t a = 0; a < task.budget; ++a) all.push_back(concat("order ", a + 1));
    return all;
  }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    const auto q = task.probed[p];
    const auto& asked = task.questions[q];
    if (task.style != AnswerStyle::choice || asked.pair.choices.size() < 2) return std::nullopt;
    const auto question = reordered(asked, order_of(task, q, a));
    return PreparedAttempt{question_text(question.pair.question, question.pair.choices),
                           prompt_of(task.model, question, question.pair.question)};
  }

 private:
  static Order order_of(const ProbeTask& task, std::size_t q, std::size_t a) {
    return random_permutation(static_cast<std::int64_t>(task.questions[q].pair.choices.size()), task.seed,
                              random_bits(stream_of("permute_choices"), q, a));
  }
};

}  // namespace

std::unique_ptr<const Probe> make_permute_choices(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<PermuteChoices>(generation);
}

}  // namespace unpact
