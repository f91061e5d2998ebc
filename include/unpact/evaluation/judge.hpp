#pragma once
/// Judges: how good an answer is beside the gold answer, and whether it counts as right.
///
/// A judge is a class in a file of its own (src/evaluation/judges) and a row of judge_table(). Everything else that
/// depends on the judge follows from its row.
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/data/dataset.hpp"
#include "unpact/results/judgement.hpp"

namespace unpact {

struct LanguageModel;
class Tokenizer;

/// What the judge local_model is asked unless told otherwise.
inline constexpr const char* kJudgeQuestion =
    "Question: {question}\\nRight answer: {gold}\\nGiven answer: {answer}\\nDoes the given answer say what the right answer "
    "says? Other words for the same are right; repeating the question is wrong. Yes or No?\\nVerdict:";

struct JudgeOptions {
  std::string kind = "rouge_l_recall";  ///< names of judge_table(), separated by commas; the first decides
  double threshold = 0.5;               ///< an answer is right from this score on, of judges that grade; in [0, 1]
  std::string verdicts = {};            ///< external: JSON lines of verdicts; what has none is written beside it
  std::string passages = {};            ///< style: JSON lines of texts with their authors
  std::string passages_checksum = {};   ///< SHA-256 that this file must have; empty: any
  bool stem = false;                    ///< compare Porter stems, of judges that can
  std::string model = {};               ///< local_model: folder of the model that is asked; empty: the one that has answered
  std::string model_checksum = {};      ///< SHA-256 that it must have; empty: any
  std::string question = kJudgeQuestion;            ///< what it is asked, with escapes; {question}, {gold}, {answer}
  std::string yes = "\\sYes", no = "\\sNo";         ///< how it would go on, with escapes
  std::shared_ptr<const LanguageModel> asked = {};  ///< that model on its device; no option
  std::optional<double> calibrated = {};            ///< local_model's threshold; none: 0.5; no option
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

  /// From which score on an answer is right; NaN: it knows no degrees.
  virtual double threshold() const { return std::numeric_limits<double>::quiet_NaN(); }

  /// Whether its threshold is found on known answers where the data have some (JudgeOptions::calibrated).
  virtual bool calibrates() const { return false; }

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
  bool asks_model = false;      ///< it scores texts with the model that answered
  bool reads_answers = true;    ///< any text can be judged on the spot, also one that nobody answered
  bool asks_judge = false;      ///< it asks the model judge.model about each answer
  bool reads_passages = false;  ///< it learns from judge.passages
  std::unique_ptr<const Judge> (*make)(const JudgeOptions& options) = nullptr;
};

const std::vector<JudgeRow>& judge_table();

/// The rows that options.kind names, the one that decides first. @throws UserError for none, an unknown name or one that is
/// there twice, letters and texts together, a threshold outside [0, 1] (or NaN), stemming where no judge can, and a judge's
/// file, model or question that is missing, is no judge's, or lacks a field.
std::vector<const JudgeRow*> judge_rows(const JudgeOptions& options);

/// The row of the judge that decides. @throws UserError as judge_rows.
const JudgeRow& judge_row(const JudgeOptions& options);

/// Whether a judge asks a model of its own, and not the one that has answered. @throws as judge_rows.
bool asks_own_model(const JudgeOptions& options);

/// @throws UserError where a tokenizer makes the same tokens of judge.yes and judge.no, or none of one of them.
void check_verdicts(const JudgeOptions& options, const Tokenizer& tokenizer);

/// The options with the thresholds that were found on known answers. @param found what was stored of it.
JudgeOptions calibrated(JudgeOptions options, const std::vector<JudgeCheckRecord>& found);

/// The judge of a row, which options.kind need not name.
std::unique_ptr<const Judge> make_judge(const JudgeRow& row, const JudgeOptions& options);

/// The judge that decides. @throws UserError as judge_rows.
std::unique_ptr<const Judge> make_judge(const JudgeOptions& options);

}  // namespace unpact
