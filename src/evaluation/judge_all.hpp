#pragma once
/// All judges that were asked for, the one that decides first.
#include <memory>
#include <string>
#include <vector>

#include "judging.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

class JudgePanel {
 public:
  explicit JudgePanel(const JudgeOptions& options);

  const Judge& deciding() const { return *judges_.front().judge; }
  /// The deciding judge where it reads answers; else null: it says nothing of a text alone.
  const Judge* reader() const { return judges_.front().row->reads_answers ? judges_.front().judge.get() : nullptr; }

  /// Judges a model's own answers: fills score and is_right of `model`, and of the further judges the target's or the
  /// unlearned model's part of cell.judges. Collective over the answers' group.
  void judge_model(const AnswersToJudge& answers, bool is_target, ModelRecord& model, CellRecord& cell) const;

  /// Judges a probe's attempts. Collective over the group.
  void judge_probe(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                   ProbeRecord& probe) const;

  /// How often each judge that reads answers is wrong on the paraphrased (right) and perturbed (wrong) answers of the
  /// questions.
  std::vector<JudgeCheckRecord> check(const std::vector<AskedQuestion>& questions) const;

 private:
  struct Seat {
    const JudgeRow* row;
    std::unique_ptr<const Judge> judge;
  };
  std::vector<Seat> judges_;
};

}  // namespace unpact
