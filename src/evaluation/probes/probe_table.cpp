#include <algorithm>

#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {

const std::vector<ProbeRow>& probe_table() {
  static const std::vector<ProbeRow> table = {
      {"focus_on_key", "FocusOnKey", "the question with a phrase that names its KeyTokens, one greedy answer a phrasing",
       ProbeKind::probe, make_focus_on_key},
      {"probab", "Probab", "the plain prompt, answers drawn at random", ProbeKind::baseline, make_probab},
  };
  return table;
}

std::vector<const ProbeRow*> chosen_probes(const ProbeOptions& options, const std::vector<ProbeRow>& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  std::vector<const ProbeRow*> chosen;
  for (const auto& name : split_list(options.use)) {
    const auto found = std::ranges::find(table, name, &ProbeRow::name);
    const auto near = closest_match(name, names);
    UNPACT_VALIDATE(found != table.end(), concat("option 'probe.use' names '", name, "'"),
                    concat("the probes are ", join(names, ", ")),
                    near.empty() ? "choose among them" : concat("did you mean '", near, "'?"));
    UNPACT_VALIDATE(std::ranges::find(chosen, &*found) == chosen.end(),
                    concat("option 'probe.use' names '", name, "' twice"), "its results have one place", "remove one");
    chosen.push_back(&*found);
  }
  return chosen;
}

void check_probe_options(const ProbeOptions& options) {
  chosen_probes(options);
  check_phrasings(options.resolve_phrasings());
  UNPACT_VALIDATE(options.temperature > 0 && options.top_p > 0 && options.top_p <= 1,
                  "options 'probe.temperature' or 'probe.top_p' are out of range",
                  "the temperature must be positive, top_p in (0, 1]", "use 1 for both");
}

ProbeRecord run_probe(const ProbeRow& row, const ProbeOptions& options, const GenerationOptions& generation,
                      const ProbeTask& task) {
  UNPACT_EXPECT(task.keys.size() == task.questions.size());
  ProbeRecord record;
  record.name = row.name;
  record.label = row.label;
  record.kind = row.kind;
  record.question.assign(task.probed.begin(), task.probed.end());
  row.make(options, generation)->attempt(task, record);
  UNPACT_EXPECT(record.attempt_labels.size() == task.budget && record.answer.size() == task.budget * task.probed.size());
  return record;
}

std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token) {
  return words_behind(question.prompt, std::vector<bool>(is_key_token.begin(), is_key_token.end()));
}

}  // namespace unpact
