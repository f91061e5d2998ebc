#include <algorithm>

#include "judges.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

const std::vector<JudgeRow>& judge_table() {
  static const std::vector<JudgeRow> table = {
      {"rouge_l_recall", "ROUGE-L recall", "share of the gold answer's words that the answer has, in their order", false,
       true, make_rouge_l_recall},
      {"rouge_l_f1", "ROUGE-L F1", "the same share beside that of the answer's own words", false, true, make_rouge_l_f1},
      {"rouge_l_recall_unicode", "ROUGE-L recall, words of any script", "rouge_l_recall with the words of every script",
       false, false, make_rouge_l_recall_unicode},
      {"rouge_l_f1_unicode", "ROUGE-L F1, words of any script", "rouge_l_f1 with the words of every script", false, false,
       make_rouge_l_f1_unicode},
      {"exact_match", "exact match", "equal texts after SQuAD's normalization", false, false, make_exact_match},
      {"choice", "choice", "the likeliest letter of a multiple-choice question", true, false, make_choice},
  };
  return table;
}

const JudgeRow& judge_row(const JudgeOptions& options) {
  const auto& table = judge_table();
  const auto found = std::ranges::find(table, options.kind, &JudgeRow::name);
  if (found == table.end()) {
    std::vector<std::string> names;
    for (const auto& row : table) names.push_back(row.name);
    const auto near = closest_match(options.kind, names);
    throw UserError(concat("unknown judge '", options.kind, "'"), concat("the judges are ", join(names, ", ")),
                    near.empty() ? "choose one of them" : concat("did you mean '", near, "'?"));
  }
  UNPACT_VALIDATE(options.threshold >= 0 && options.threshold <= 1,  // false for NaN too
                  concat("the judge's threshold is ", options.threshold), "scores lie between 0 and 1",
                  "choose a threshold in [0, 1], e.g. 0.5");
  UNPACT_VALIDATE(!options.stem || found->can_stem, concat("the judge '", options.kind, "' cannot stem"),
                  "it compares whole texts, or words of any language",
                  "turn stemming off or choose rouge_l_recall or rouge_l_f1");
  return *found;
}

std::unique_ptr<const Judge> make_judge(const JudgeOptions& options) { return judge_row(options).make(options); }

}  // namespace unpact
