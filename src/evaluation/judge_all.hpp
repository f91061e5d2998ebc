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
  /// Judges a model's own answers: fills score and is_right of `model`, and of the further judges the target's or the
  /// unlearned model's part of cell.judges. Collective over the answers' group.
  void judge_model(const AnswersToJudge& answers, bool is_target, ModelRecord& model, CellRecord& cell) const;

  /// Judges a probe's attempts. Collective over the group.
  void judge_probe(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                   const PageOptions& kept, ProbeRecord& probe) const;

  /// Whether the deciding judge would take the question itself, as each attempt puts it, for a right answer; 0 where it does
  /// not read answers. Collective over the group.
  std::vector<std::uint8_t> echoes(const Communicator& group, const LanguageModel& model,
                                   const std::vector<AskedQuestion>& questions, const PageOptions& kept,
                                   const ProbeRecord& probe) const;

  /// How often each judge is wrong on the paraphrased (right) and perturbed (wrong) answers of the questions, but for letters and
  /// for verdicts of others. One that compares likelihoods finds a known answer right where it is likelier than all wrong ones, and
  /// for a wrong one the gold answer. One that calibrates is measured on every other question, with the threshold that tells right from wrong best
  /// on those between. Collective over the group. @param model that is judged.
  std::vector<JudgeCheckRecord> check(const Communicator& group, const LanguageModel& model,
                                      const std::vector<AskedQuestion>& questions, FinishedPages* pages,
                                      std::size_t save_every) const;

  /// Whether one of them asks a model.
  bool asks_model() const;

 private:
  struct Seat {
    const JudgeRow* row;
    std::unique_ptr<const Judge> judge;
  };
  std::vector<Seat> judges_;
};

}  // namespace unpact
