#include <algorithm>
#include <limits>

#include "../focus_shift.hpp"
#include "probes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/phrasings.hpp"

namespace unpact {

const std::vector<ProbeRow>& probe_table() {
  static const std::vector<ProbeRow> table = {
      {"focus_on_key", "FocusOnKey", "the question with a phrase that names its KeyTokens, one greedy answer a phrasing",
       ProbeKind::probe, make_focus_on_key},
      {"probab", "Probab", "the plain prompt, answers drawn at random", ProbeKind::baseline, make_probab},
      {"no_focus", "other words", "the phrases of FocusOnKey with random words of the question that are no KeyTokens",
       ProbeKind::control, make_no_focus},
      {"wrong_focus", "another question's words", "the phrases of FocusOnKey with the KeyTokens of another question",
       ProbeKind::control, make_wrong_focus},
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
  const auto attempts = task.budget * task.probed.size();
  UNPACT_EXPECT(record.attempt_labels.size() == task.budget && record.answer.size() == attempts);
  if (record.put.empty())
    for (std::size_t i = 0; i < attempts; ++i)
      record.put.push_back(task.questions[task.probed[i / task.budget]].pair.question);
  return record;
}

NamedWords words_to_name(const std::vector<AskedQuestion>& questions, const ContributionRecord& contributions,
                         double alpha) {
  NamedWords named;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto n = questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin;
    auto words = key_words(questions[q], padded(contributions.is_key_token.row(q), n));
    auto by = words.empty() ? Asked::no : Asked::yes;
    if (words.empty()) {
      constexpr double kPositive = std::numeric_limits<float>::min();
      words = key_words(questions[q], padded(find_key_tokens(contributions.contributions.row(q), {alpha, kPositive}), n));
      if (!words.empty()) by = Asked::relative_floor;
    }
    named.words.push_back(std::move(words));
    named.named_by.push_back(static_cast<std::uint8_t>(by));
  }
  return named;
}

std::vector<std::string> words_of_question(const AskedQuestion& question) {
  std::vector<std::string> words;
  const auto n = question.prompt.candidate_end - question.prompt.candidate_begin;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<bool> one(n, false);
    one[i] = true;
    for (auto& word : words_behind(question.prompt, one))
      if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  }
  return words;
}

std::vector<TokenId> prompt_of(const LanguageModel& model, const AskedQuestion& asked, const std::string& question) {
  const auto text = question_text(question, asked.pair.choices);
  const auto examples = asked.examples ? *asked.examples : std::vector<InContextExample>{};
  return build_prompt(*model.tokenizer, model.prompt_template, text, examples, asked.pair.introduction).ids;
}

std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token) {
  return words_behind(question.prompt, std::vector<bool>(is_key_token.begin(), is_key_token.end()));
}

}  // namespace unpact
