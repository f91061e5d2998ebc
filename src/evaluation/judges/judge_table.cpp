#include <algorithm>

#include "judges.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

const std::vector<JudgeRow>& judge_table() {
  static const std::vector<JudgeRow> table = {
      {"rouge_l_recall", "ROUGE-L recall", "share of the gold answer's words that the answer has, in their order", false,
       true, true, make_rouge_l_recall},
      {"rouge_l_f1", "ROUGE-L F1", "the same share beside that of the answer's own words", false, true, true,
       make_rouge_l_f1},
      {"rouge_l_recall_unicode", "ROUGE-L recall, words of any script", "rouge_l_recall with the words of every script",
       false, false, true, make_rouge_l_recall_unicode},
      {"rouge_l_f1_unicode", "ROUGE-L F1, words of any script", "rouge_l_f1 with the words of every script", false, false,
       true, make_rouge_l_f1_unicode},
      {"exact_match", "exact match", "equal texts after SQuAD's normalization", false, false, true, make_exact_match},
      {"contains_entity", "entity", "the answer names an entity of the question", false, false, true, make_contains_entity},
      {"relative_likelihood", "relative likelihood",
       "the model finds the gold answer likelier than every perturbed one, whatever it writes", false, false, false,
       make_relative_likelihood},
      {"choice", "choice", "the likeliest letter of a multiple-choice question", true, false, true, make_choice},
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
  UNPACT_VALIDATE(options.threshold >= 0 && options.threshold <= 1,  // false for NaN too
                  concat("the judge's threshold is ", options.threshold), "scores lie between 0 and 1",
                  "choose a threshold in [0, 1], e.g. 0.5");
  UNPACT_VALIDATE(!options.stem || std::ranges::any_of(rows, &JudgeRow::can_stem),
                  concat("the judge '", options.kind, "' cannot stem"), "it compares whole texts, or words of any language",
                  "turn stemming off or choose rouge_l_recall or rouge_l_f1");
  return rows;
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
