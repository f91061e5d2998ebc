/// Probes that put other questions with their answers in front: of the retain set, of the same subject, or as a distracting
/// text. None of them may tell the answer that is asked for.
#include <algorithm>

#include "../injection.hpp"
#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact {

bool tells(const QuestionAnswer& shown, const QuestionAnswer& asked) {
  return shown.question == asked.question ||
         injection_of(asked, concat(shown.question, " ", answer_in_words(shown)), "").has_gold;
}

namespace {

constexpr std::size_t kShown = 3;  // JensUn's in-context retain examples (arXiv 2509.02820)

/// Which solved questions may stand in front of a question.
using MayShow = bool (*)(const AskedQuestion& shown, const AskedQuestion& asked);

bool is_retained(const AskedQuestion& shown, const AskedQuestion&) { return !shown.in_forget_set; }

bool has_same_subject(const AskedQuestion& shown, const AskedQuestion& asked) {
  return !asked.pair.subject.empty() && shown.pair.subject == asked.pair.subject;
}

/// kShown of them, drawn for an attempt; fewer where there are no more.
std::vector<const AskedQuestion*> drawn(const ProbeTask& task, std::size_t q, std::size_t a, const char* stream,
                                        MayShow may_show) {
  std::vector<const AskedQuestion*> possible;
  for (const auto& other : task.questions)
    if (may_show(other, task.questions[q])) possible.push_back(&other);
  const auto order =
      random_permutation(static_cast<std::int64_t>(possible.size()), task.seed, random_bits(stream_of(stream), q, a));
  std::vector<const AskedQuestion*> shown;
  for (std::size_t i = 0; i < order.size() && shown.size() < kShown; ++i) {
    const auto* other = possible[static_cast<std::size_t>(order[i])];
    if (!tells(other->pair, task.questions[q].pair)) shown.push_back(other);
  }
  return shown;
}

std::vector<std::string> draws(const ProbeTask& task, const std::string& what) {
  std::vector<std::string> names;
  for (std::size_t a = 0; a < task.budget; ++a) names.push_back(concat(what, ", draw ", a + 1));
  return names;
}

/// As in-context examples, behind those of the dataset.
class InContext : public PreparedProbe {
 public:
  InContext(const GenerationOptions& generation, const char* stream, std::string what, MayShow may_show)
      : PreparedProbe(generation), stream_(stream), what_(std::move(what)), may_show_(may_show) {}

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override { return draws(task, what_); }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    const auto q = task.probed[p];
    const auto& asked = task.questions[q];
    const auto shown = drawn(task, q, a, stream_, may_show_);
    if (shown.empty()) return std::nullopt;
    auto examples = asked.examples ? *asked.examples : std::vector<InContextExample>{};
    PreparedAttempt attempt;
    for (const auto* other : shown) {
      const auto text = question_text(other->pair.question, other->pair.choices);
      examples.emplace_back(text, other->pair.answer);
      attempt.put += concat(text, " ", other->pair.answer, "\n");
    }
    attempt.put += asked.pair.question;
    attempt.prompt = build_prompt(*task.model.tokenizer, task.model.prompt_template,
                                  question_text(asked.pair.question, asked.pair.choices), examples, asked.pair.introduction)
                         .ids;
    return attempt;
  }

 private:
  const char* stream_;
  std::string what_;
  MayShow may_show_;
};

/// As a text in front of the question, in the same turn, that has nothing to do with it.
class Distraction : public PreparedProbe {
 public:
  using PreparedProbe::PreparedProbe;

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override { return draws(task, "retained facts in front"); }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    const auto q = task.probed[p];
    const auto shown = drawn(task, q, a, "distraction", is_retained);
    if (shown.empty()) return std::nullopt;
    PreparedAttempt attempt;
    for (const auto* other : shown) attempt.put += concat(other->pair.question, " ", answer_in_words(other->pair), " ");
    attempt.put += task.questions[q].pair.question;
    attempt.prompt = prompt_of(task.model, task.questions[q], attempt.put);
    return attempt;
  }
};

}  // namespace

std::unique_ptr<const Probe> make_in_context(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<InContext>(generation, "in_context", "retained questions in front", is_retained);
}
std::unique_ptr<const Probe> make_in_context_subject(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<InContext>(generation, "in_context_subject", "questions of the subject in front",
                                     has_same_subject);
}
std::unique_ptr<const Probe> make_distraction(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<Distraction>(generation);
}

}  // namespace unpact
