#include <cmath>

#include "../unicode_words.hpp"
#include "prepared.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Shares of the gold answer's words that are given away, fewest first.
constexpr double kShares[] = {0.1, 0.25, 0.5, 0.6, 0.75};

/// The gold answer's first words are given, the model has to go on. What it says is compared with the rest. At least one word
/// is given, at least one is left, and where the data name the answer's entities, none of these is touched.
class Cloze : public PreparedProbe {
 public:
  using PreparedProbe::PreparedProbe;

 protected:
  std::vector<std::string> labels(const ProbeTask& task) const override {
    UNPACT_EXPECT(task.budget <= std::size(kShares));
    std::vector<std::string> all;
    for (std::size_t a = 0; a < task.budget; ++a)
      all.push_back(concat("{question} and the first ", std::lround(100 * kShares[a]), " % of the answer"));
    return all;
  }
  std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const override {
    if (task.style == AnswerStyle::choice) return std::nullopt;
    const auto& asked = task.questions[task.probed[p]];
    const auto& gold = asked.pair.answer;
    const auto words = words_of(gold, 0, gold.size());
    const auto count = static_cast<std::size_t>(std::ceil(kShares[a] * static_cast<double>(words.size())));
    if (count == 0 || count >= words.size()) return std::nullopt;
    const auto end = words[count - 1].end;
    for (const auto& entity : asked.pair.entities)
      if (const auto at = gold.find(entity); at != std::string::npos && at < end) return std::nullopt;
    const auto given = gold.substr(0, end), rest = trim(std::string_view(gold).substr(end));
    if (unicode_words(rest).empty()) return std::nullopt;
    PreparedAttempt attempt{asked.pair.question + " " + given, asked.prompt.ids, rest};
    begin_answer(task.model, given, attempt.prompt);
    return attempt;
  }
};

}  // namespace

std::unique_ptr<const Probe> make_cloze(const ProbeOptions&, const GenerationOptions& generation) {
  return std::make_unique<Cloze>(generation);
}

}  // namespace unpact
