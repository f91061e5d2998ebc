#pragma once
/// Judges: how good an answer is beside the gold answer, and whether it counts as right.
///
/// A judge is a class in a file of its own (src/evaluation/judges) and a row of judge_table(). Everything else that
/// depends on the judge follows from its row.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/data/dataset.hpp"

namespace unpact {

struct JudgeOptions {
  std::string kind = "rouge_l_recall";  ///< names of judge_table(), separated by commas; the first decides
  double threshold = 0.5;               ///< an answer is right from this score on, of judges that grade; in [0, 1]
  std::string verdicts = {};            ///< external: JSON lines of verdicts; what has none is written beside it
  bool stem = false;                    ///< compare Porter stems, of judges that can
};

struct AnswersToJudge;

/// Immutable, so it may be shared between threads.
class Judge {
 public:
  virtual ~Judge() = default;

  /// In [0, 1].
  virtual double score(std::string_view gold, std::string_view answer) const = 0;

  /// Whether an answer with this score is right.
  virtual bool passes(double score) const = 0;

  /// The score of an answer to a question. By default that beside its gold answer.
  virtual double score_of(const QuestionAnswer& question, std::string_view answer) const;

  /// The scores of many answers; only they may ask a model. By default score_of() each. Collective over the answers' group.
  virtual std::vector<double> scores(const AnswersToJudge& answers) const;

  /// What the judge lacks to decide this question, e.g. "it names no entity", and how to get it; both empty: nothing.
  struct Lack {
    std::string reason, hint;
  };
  virtual Lack lack(const QuestionAnswer&) const { return {}; }

  bool is_right(std::string_view gold, std::string_view answer) const { return passes(score(gold, answer)); }

  /// Whether this judge sees anything in a gold answer that an answer could agree with. Where it does not, no answer is
  /// right, or an empty one is: such questions are refused (check_questions.hpp).
  virtual bool can_judge(std::string_view gold) const = 0;

  /// Whether the gold answer has words that this judge does not see at all, beside others that it does see: an answer is
  /// then judged by the latter alone.
  virtual bool overlooks_words(std::string_view) const { return false; }

  /// For people and the results format, e.g. "rouge_l_recall >= 0.5", "rouge_l_f1 >= 0.3 (stemmed)", "exact_match".
  virtual std::string describe() const = 0;
};

/// One judge.
struct JudgeRow {
  std::string name;            ///< as options and results call it
  std::string label;           ///< as people call it
  std::string summary;         ///< one line
  bool wants_letters = false;  ///< answers are letters of choices (choices.hpp), not texts
  bool can_stem = false;
  bool asks_model = false;    ///< it scores texts with the model that answered
  bool reads_answers = true;  ///< any text can be judged on the spot, also one that nobody answered
  std::unique_ptr<const Judge> (*make)(const JudgeOptions& options) = nullptr;
};

const std::vector<JudgeRow>& judge_table();

/// The rows that options.kind names, the one that decides first. @throws UserError for none, an unknown name or one that is
/// there twice, letters and texts together, a threshold outside [0, 1] (or NaN), and stemming where no judge can.
std::vector<const JudgeRow*> judge_rows(const JudgeOptions& options);

/// The row of the judge that decides. @throws UserError as judge_rows.
const JudgeRow& judge_row(const JudgeOptions& options);

/// The judge of a row, which options.kind need not name.
std::unique_ptr<const Judge> make_judge(const JudgeRow& row, const JudgeOptions& options);

/// The judge that decides. @throws UserError as judge_rows.
std::unique_ptr<const Judge> make_judge(const JudgeOptions& options);

}  // namespace unpact
