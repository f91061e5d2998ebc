#include <algorithm>

#include "judges.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

const std::vector<JudgeRow>& judge_table() {
  static const std::vector<JudgeRow> table = {
      {.name = "rouge_l_recall",
       .label = "ROUGE-L recall",
       .summary = "share of the gold answer's words that the answer has, in their order",
       .can_stem = true,
       .make = make_rouge_l_recall},
      {.name = "rouge_l_f1",
       .label = "ROUGE-L F1",
       .summary = "the same share beside that of the answer's own words",
       .can_stem = true,
       .make = make_rouge_l_f1},
      {.name = "rouge_l_recall_unicode",
       .label = "ROUGE-L recall, words of any script",
       .summary = "rouge_l_recall with the words of every script",
       .make = make_rouge_l_recall_unicode},
      {.name = "rouge_l_f1_unicode",
       .label = "ROUGE-L F1, words of any script",
       .summary = "rouge_l_f1 with the words of every script",
       .make = make_rouge_l_f1_unicode},
      {.name = "exact_match",
       .label = "exact match",
       .summary = "equal texts after SQuAD's normalization",
       .make = make_exact_match},
      {.name = "contains_entity",
       .label = "entity",
       .summary = "the answer names an entity of the question",
       .make = make_contains_entity},
      {.name = "relative_likelihood",
       .label = "relative likelihood",
       .summary = "the model finds the gold answer likelier than every perturbed one, whatever it writes",
       .asks_model = true,
       .reads_answers = false,
       .make = make_relative_likelihood},
      {.name = "local_model",
       .label = "local model",
       .summary = "a model, judge.model, is asked yes or no",
       .asks_judge = true,
       .make = make_local_model},
      {.name = "style",
       .label = "style",
       .summary = "a logistic regression on character n-grams takes the answer for the question's author",
       .reads_passages = true,
       .make = make_style},
      {.name = "external",
       .label = "external",
       .summary = "verdicts of somebody else, from the file judge.verdicts",
       .reads_answers = false,
       .make = make_external},
      {.name = "choice",
       .label = "choice",
       .summary = "the likeliest letter of a multiple-choice question",
       .wants_letters = true,
       .make = make_choice},
  };
  return table;
}

namespace {

const JudgeRow& row_named(const std::string& name) {
  const auto& table = judge_table();
  const auto found = std::ranges::find(table, name, &JudgeRow::name);
  if (found != table.end()) return *found;
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  const auto near = closest_match(name, names);
  throw UserError(concat("unknown judge '", name, "'"), concat("the judges are ", join(names, ", ")),
                  near.empty() ? "choose among them" : concat("did you mean '", near, "'?"));
}

/// What some judges want, and others would silently leave unread.
void check_files(const std::vector<const JudgeRow*>& rows, const JudgeOptions& options) {
  const bool is_external = std::ranges::find(rows, "external", &JudgeRow::name) != rows.end();
  UNPACT_VALIDATE(!is_external || !options.verdicts.empty(), "option 'judge.verdicts' is empty",
                  "the judge 'external' takes its verdicts from a file, and writes beside it what has none yet",
                  "name a file, e.g. judge.verdicts = verdicts.jsonl; it need not be there yet");
  UNPACT_VALIDATE(is_external || options.verdicts.empty(), concat("option 'judge.verdicts' is '", options.verdicts, "'"),
                  "only the judge 'external' reads it", "add external to judge.kind, or remove it");
  const bool learns = std::ranges::any_of(rows, &JudgeRow::reads_passages);
  UNPACT_VALIDATE(!learns || !options.passages.empty(), "option 'judge.passages' is empty",
                  "the judge 'style' learns how the authors write from texts of theirs",
                  "name a file of JSON lines {\"author\", \"text\"}");
  UNPACT_VALIDATE(learns || options.passages.empty(), concat("option 'judge.passages' is '", options.passages, "'"),
                  "only the judge 'style' reads it", "add style to judge.kind, or remove it");
  const bool asks = std::ranges::any_of(rows, &JudgeRow::asks_judge);
  UNPACT_VALIDATE(asks || options.model.empty(), concat("option 'judge.model' is '", options.model, "'"),
                  "only the judge 'local_model' asks it", "add local_model to judge.kind, or remove it");
  for (const char* field : {"{question}", "{gold}", "{answer}"})
    UNPACT_VALIDATE(!asks || options.question.find(field) != std::string::npos,
                    concat("option 'judge.question' has no ", field), "the judge would not know what it judges",
                    "write {question}, {gold} and {answer} where these are to stand");
}

}  // namespace

std::vector<const JudgeRow*> judge_rows(const JudgeOptions& options) {
  const auto names = split_list(options.kind);
  UNPACT_VALIDATE(!names.empty(), "option 'judge.kind' is empty", "somebody has to say what is right", "use rouge_l_recall");
  std::vector<const JudgeRow*> rows;
  for (const auto& name : names) {
    const auto& row = row_named(name);
    UNPACT_VALIDATE(std::ranges::find(rows, &row) == rows.end(), concat("option 'judge.kind' names '", name, "' twice"),
                    "its verdicts have one place", "remove one");
    rows.push_back(&row);
  }
  for (const auto* row : rows)
    UNPACT_VALIDATE(row->wants_letters == rows.front()->wants_letters,
                    concat("option 'judge.kind' names '", rows.front()->name, "' and '", row->name, "'"),
                    "one wants letters of choices for answers, the other texts", "use one of them");
  check_files(rows, options);
  UNPACT_VALIDATE(options.threshold >= 0 && options.threshold <= 1,  // false for NaN too
                  concat("the judge's threshold is ", options.threshold), "scores lie between 0 and 1",
                  "choose a threshold in [0, 1], e.g. 0.5");
  UNPACT_VALIDATE(!options.stem || std::ranges::any_of(rows, &JudgeRow::can_stem),
                  concat("the judge '", options.kind, "' cannot stem"), "it compares whole texts, or words of any language",
                  "turn stemming off or choose rouge_l_recall or rouge_l_f1");
  return rows;
}

bool asks_own_model(const JudgeOptions& options) {
  return !options.model.empty() && std::ranges::any_of(judge_rows(options), &JudgeRow::asks_judge);
}

JudgeOptions calibrated(JudgeOptions options, const std::vector<JudgeCheckRecord>& found) {
  for (const auto& check : found)
    if (check.calibrated_on > 0) options.calibrated = check.threshold;
  return options;
}

const JudgeRow& judge_row(const JudgeOptions& options) { return *judge_rows(options).front(); }

std::unique_ptr<const Judge> make_judge(const JudgeRow& row, const JudgeOptions& options) {
  auto own = options;
  own.kind = row.name;
  own.stem = options.stem && row.can_stem;
  return row.make(own);
}

std::unique_ptr<const Judge> make_judge(const JudgeOptions& options) { return make_judge(judge_row(options), options); }

}  // namespace unpact
