#include "unpact/evaluation/check_questions.hpp"

#include <algorithm>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

/// Refuses what one judge cannot decide.
class QuestionCheck {
 public:
  QuestionCheck(const JudgeRow& row, const JudgeOptions& options) : row_(row), judge_(make_judge(row, options)) {}

  void check(const QuestionAnswer& pair, const std::string& name) {
    UNPACT_VALIDATE(!row_.wants_letters || !pair.choices.empty(), concat("option 'judge.kind' is '", row_.name, "'"),
                    concat(name, " (\"", shortened(pair.question), "\") has no choices"),
                    "use it with multiple-choice datasets (wmdp, mmlu)");
    ++checked_;
    if (const auto lack = judge_->lack(pair); !lack.reason.empty()) {
      lacking_.push_back({name, pair.question});
      lack_ = lack;
      return;
    }
    if (!judge_->can_judge(pair.answer)) unseen_.push_back({name, pair.answer});
    else if (judge_->overlooks_words(pair.answer)) partly_seen_.push_back({name, pair.answer});
  }

  void check(const std::vector<QuestionAnswer>& pairs, std::size_t limit, const char* set) {
    const auto count = limit == 0 ? pairs.size() : std::min(limit, pairs.size());
    for (std::size_t i = 0; i < count; ++i) check(pairs[i], concat(set, " question ", i));
  }

  /// @throws UserError when there is a gold answer in which the judge sees nothing.
  void finish() const {
    UNPACT_VALIDATE(lacking_.empty(),
                    concat("the judge '", row_.name, "' cannot decide ", lacking_.size(), " of ", checked_,
                           lacking_.size() == 1 ? " question: " : " questions: ", listed(lacking_)),
                    lacking_.size() == 1 ? lack_.reason : concat("of each, ", lack_.reason),
                    concat(lack_.hint, "; or choose another judge.kind"));
    UNPACT_VALIDATE(unseen_.empty(),
                    unseen_.size() == 1
                        ? concat("the gold answer \"", shortened(unseen_.front().gold), "\" of ", unseen_.front().question,
                                 " cannot be judged")
                        : concat(unseen_.size(), " of ", checked_, " gold answers cannot be judged: ", listed(unseen_)),
                    concat("'", row_.name, "' sees nothing in ", unseen_.size() == 1 ? "it" : "them",
                           " that an answer could agree with: even the gold answer itself would score 0, or an empty one 1"),
                    concat("correct the dataset, leave the question out, or choose another judge.kind", others_that_see()));
  }

  /// Nothing else would show that answers are judged by a part of their words.
  void say_what_is_overlooked() const {
    if (partly_seen_.empty() || log::rank() != 0) return;
    static std::set<std::string> said;
    const auto text =
        concat(partly_seen_.size(), " of ", checked_, " gold answers have words that '", row_.name,
               "' does not see: answers to these questions are judged by the other words alone: ", listed(partly_seen_),
               ". judge.kind = rouge_l_recall_unicode and rouge_l_f1_unicode see words of every script");
    if (said.insert(text).second) log::warn(text);
  }

 private:
  struct Gold {
    std::string question, gold;
  };

  /// The first of them by name.
  static std::string listed(const std::vector<Gold>& golds) {
    constexpr std::size_t kShown = 10;
    std::vector<std::string> shown;
    for (const auto& [question, gold] : golds)
      if (shown.size() < kShown) shown.push_back(concat(question, " (\"", shortened(gold, 60), "\")"));
    return concat(join(shown, ", "), golds.size() > kShown ? concat(" and ", golds.size() - kShown, " more") : "");
  }

  std::string others_that_see() const {
    std::vector<std::string> names;
    for (const auto& row : judge_table()) {
      const auto judge = make_judge(row, {});
      const auto sees = [&](const Gold& gold) { return judge->can_judge(gold.gold); };
      if (!row.wants_letters && std::all_of(unseen_.begin(), unseen_.end(), sees)) names.push_back(row.name);
    }
    return names.empty() ? std::string() : concat(" (", join(names, ", "), ")");
  }

  const JudgeRow& row_;
  std::unique_ptr<const Judge> judge_;
  std::size_t checked_ = 0;
  std::vector<Gold> unseen_, partly_seen_, lacking_;
  Judge::Lack lack_;
};

}  // namespace

void check_questions(const JudgeOptions& judge, const Dataset& dataset, std::size_t limit) {
  for (const auto* row : judge_rows(judge)) {
    QuestionCheck questions(*row, judge);
    questions.check(dataset.forget_questions, limit, "forget");
    questions.check(dataset.retain_questions, limit, "retain");
    questions.finish();
    questions.say_what_is_overlooked();
  }
}

void check_questions(const JudgeOptions& judge, const ModelConfig& config, const std::vector<AskedQuestion>& questions) {
  for (const auto* row : judge_rows(judge)) {
    QuestionCheck asked(*row, judge);
    for (std::size_t q = 0; q < questions.size(); ++q) asked.check(questions[q].pair, name_of_question(questions, q));
    asked.finish();
  }
  check_gold_answers(config, questions);
}

}  // namespace unpact
