#pragma once
/// A cell's unlearning, looked at on its way (unlearn.save_points).
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "choose_point.hpp"
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/evaluation/light_evaluation.hpp"
#include "unpact/train/save_points.hpp"

namespace unpact {

/// The questions as a cell's results have them: where texts are unlearned, no retain question was trained on.
QuestionRecord questions_of_cell(const Baseline& baseline, const Configuration& configuration);

/// @throws UserError for what a cell's points or its mixing ask for and there is not: a point beyond the last step, sets too small to
/// choose on one half, a floor without a floor model, a judge whose verdicts come later. @param examples of the forget set.
void check_trajectory(const Configuration& configuration, const std::vector<AskedQuestion>& questions,
                      std::int64_t examples);

/// Looks at each point, writes what it finds to `folder` at once, and keeps the weights of the point that the rule prefers so far.
/// A job that goes on from a training checkpoint finds there what was seen before it.
class Trajectory {
 public:
  /// @param folder of this cell and training alone. All must outlive it.
  Trajectory(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& configuration,
             std::filesystem::path folder, std::filesystem::path kept_models);

  /// What the training is told. @param examples of the forget set.
  SavePoints points(const TrainOptions& options, std::int64_t examples);

  /// All that was seen, after the training. Collective over the group. @throws RuntimeFailure where it is not whole.
  TrajectoryRecord record();

  /// Where the weights of the chosen point lie, in float32; nothing: it is the end of the training. After record().
  std::optional<std::filesystem::path> chosen_folder() const;

 private:
  void visit(std::int64_t step, const GiveWeights& give);
  LanguageModel model_from(const GiveWeights& give) const;
  void take_row(std::int64_t step, LightAnswers answers, double seconds);
  void read_rows_before(std::int64_t step);
  ChosenPoint chosen_so_far() const;
  void keep_weights(std::int64_t step, const GiveWeights& give);
  std::filesystem::path row_file(std::int64_t step) const;
  std::filesystem::path weights_folder(std::int64_t step) const;

  struct Row {
    LightAnswers answers;
    double seconds = 0;
  };
  const Session& session_;
  const Communicator& group_;
  const Baseline& baseline_;
  const Configuration& configuration_;
  std::filesystem::path folder_, kept_models_;
  QuestionRecord questions_;
  std::vector<std::uint8_t> roles_;  ///< empty: nothing is chosen
  PointBounds bounds_;
  std::vector<std::int64_t> steps_;
  double steps_an_epoch_ = 1;
  std::map<std::int64_t, Row> rows_;  ///< by step
  std::int64_t kept_step_ = 0;        ///< whose weights lie in the folder; 0: none
};

}  // namespace unpact
