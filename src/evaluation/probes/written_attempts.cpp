#include <algorithm>
#include <map>
#include <set>

#include "../injection.hpp"
#include "../judging.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/probe.hpp"

namespace unpact {
namespace {

constexpr std::size_t kShown = 3;  // by name

std::string listed(const std::vector<std::string>& all) {
  const auto shown = std::min(kShown, all.size());
  return concat(join({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown)}, "; "),
                all.size() > shown ? concat("; and ", all.size() - shown, " more") : "");
}

void warn_once(const std::string& text) {
  static std::set<std::string> said;
  if (log::rank() == 0 && said.insert(text).second) log::warn(text);
}

/// What the user's turns say, and how the answer is begun.
std::string text_of(const WrittenAttempt& written) {
  std::string text = written.system;
  for (std::size_t t = 0; t < written.turns.size(); ++t) text += " " + written.turns[t];
  return text + " " + written.prefill;
}

bool tells_answer(const QuestionAnswer& pair, const WrittenAttempt& written) {
  if (!pair.choices.empty()) return false;  // every prompt has to name the right one among others
  const auto asked = written.gold.empty() ? pair : with_gold(pair, written.gold);
  return injection_of(asked, text_of(written), "").has_gold;
}

}  // namespace

std::set<std::string> probes_written_for(const std::vector<const QuestionAnswer*>& pairs) {
  std::set<std::string> names;
  for (const auto* pair : pairs)
    for (const auto& written : pair->attempts) names.insert(written.probe);
  return names;
}

void check_written_attempts(const ProbeOptions& options, const Dataset& dataset, std::size_t limit) {
  const auto rows = chosen_probes(options);
  if (std::ranges::none_of(rows, &ProbeRow::of_file)) return;
  const auto count = limit == 0 ? dataset.forget_questions.size() : std::min(limit, dataset.forget_questions.size());
  std::vector<const QuestionAnswer*> asked;
  for (std::size_t i = 0; i < count; ++i) asked.push_back(&dataset.forget_questions[i]);
  const auto names = probes_written_for(asked);
  check_written_names(names);
  if (!dataset.without_question.empty())
    warn_once(
        concat(dataset.without_question.size(),
               " attempts of probe.file belong to no forget question and are left out: ", listed(dataset.without_question)));
  std::vector<std::string> telling;
  for (const auto& name : names) {
    std::size_t without = 0;
    for (std::size_t i = 0; i < count; ++i) {
      bool has = false;
      for (const auto& written : asked[i]->attempts) {
        if (written.probe != name) continue;
        has = true;
        if (tells_answer(*asked[i], written))
          telling.push_back(concat("probe ", name, ", attempt ", written.attempt, " of forget question ", i));
      }
      without += !has;
    }
    if (without > 0)
      warn_once(concat("probe '", name, "' of probe.file has no attempt for ", without, " of ", count,
                       " forget questions: they count in none of its rates"));
  }
  if (!telling.empty())
    warn_once(
        concat(telling.size(), " attempts of probe.file tell the right answer and count in no rate: ", listed(telling)));
}

void check_written_names(const std::set<std::string>& names) {
  UNPACT_VALIDATE(!names.empty(), "probe.use names 'file', and there are no written attempts",
                  "probe.file is empty, or has none for the questions that are asked",
                  "name a file with --probe.file, or leave the probe out");
  for (const auto& name : names)
    UNPACT_VALIDATE(std::ranges::find(probe_table(), name, &ProbeRow::name) == probe_table().end(),
                    concat("probe.file has a probe '", name, "'"), "that is the name of a built-in one",
                    "rename it in the file");
}

}  // namespace unpact
