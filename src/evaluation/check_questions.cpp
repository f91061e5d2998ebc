#include "unpact/evaluation/check_questions.hpp"

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Refuses what one judge cannot decide.
class QuestionCheck {
 public:
  explicit QuestionCheck(const JudgeOptions& options) : row_(judge_row(options)), judge_(row_.make(options)) {}

  void check(const QuestionAnswer& pair, const std::string& name) const {
    UNPACT_VALIDATE(!row_.wants_letters || !pair.choices.empty(), concat("option 'judge.kind' is '", row_.name, "'"),
                    concat(name, " (\"", shortened(pair.question), "\") has no choices"),
                    "use it with multiple-choice datasets (wmdp, mmlu)");
    UNPACT_VALIDATE(judge_->can_judge(pair.answer),
                    concat("the gold answer \"", shortened(pair.answer), "\" of ", name, " cannot be judged"),
                    concat("'", row_.name, "' sees nothing in it that an answer could agree with"),
                    "correct the dataset, leave the question out, or choose another judge.kind");
  }

  void check(const std::vector<QuestionAnswer>& pairs, std::size_t limit, const char* set) const {
    const auto count = limit == 0 ? pairs.size() : std::min(limit, pairs.size());
    for (std::size_t i = 0; i < count; ++i) check(pairs[i], concat(set, " question ", i));
  }

 private:
  const JudgeRow& row_;
  std::unique_ptr<const Judge> judge_;
};

}  // namespace

void check_questions(const JudgeOptions& judge, const Dataset& dataset, std::size_t limit) {
  const QuestionCheck questions(judge);
  questions.check(dataset.forget_questions, limit, "forget");
  questions.check(dataset.retain_questions, limit, "retain");
}

void check_questions(const JudgeOptions& judge, const ModelConfig& config, const std::vector<AskedQuestion>& questions) {
  const QuestionCheck asked(judge);
  for (std::size_t q = 0; q < questions.size(); ++q) asked.check(questions[q].pair, name_of_question(questions, q));
  check_gold_answers(config, questions);
}

}  // namespace unpact
