#include "../../src/campaign/trajectory.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

std::vector<std::int64_t> steps_of(const TrajectoryRecord& trajectory) {
  std::vector<std::int64_t> steps;
  for (const auto& point : trajectory.points) steps.push_back(point.step);
  return steps;
}

class ATrajectory : public testing_support::SmallCampaign {
 protected:
  ATrajectory() {
    if (world_.is_root()) {
      const auto set = [](const char* word, int count) {
        std::string text;
        for (int i = 0; i < count; ++i)
          text += concat(i == 0 ? "[" : ", ", R"({"question": "Where is )", word, " ", i, R"(?", "answer": "the river"})");
        return text + "]";
      };
      testing_support::write_text(folder_ / "data/knowmem/forget_qa.json", set("house", 4));
      testing_support::write_text(folder_ / "data/knowmem/retain_qa.json", set("harbour", 8));
    }
    world_.barrier();
  }
  ~ATrajectory() override { reset_stop(); }

  /// Six steps, two an epoch. Every answer is right, so that rules have something to count.
  Configuration looked_at() const {
    auto c = configuration();
    c.unlearn.train.epochs = 3;
    c.unlearn.train.learning_rate = 1e-3;
    c.unlearn.save_points = "1e, 3";
    c.judge.threshold = 0;
    c.metric.use = "extraction_strength";
    return c;
  }
};

TEST_F(ATrajectory, EndsWithTheNumbersOfTheWholeEvaluation) {
  for (const auto* forget : {"ga", "tv"}) {
    auto c = looked_at();
    c.method.forget = c.method.name = forget;
    c.judge.threshold = 0.5;
    const auto baseline = prepare_baseline(session_, c, out_);
    run_cell(session_, world_, baseline, c, out_);
    world_.barrier();
    const auto record = read_cell_file(cell_file(out_, cell_id(c)));
    const auto& trajectory = record.trajectory;
    ASSERT_THAT(steps_of(trajectory), ElementsAre(2, 3, 6));
    EXPECT_EQ(trajectory.points[1].epoch, 1.5);
    EXPECT_EQ(trajectory.selected, 6);
    const auto questions = record.questions.split.size();
    ASSERT_EQ(trajectory.is_right.size(), 3 * questions);
    double strength = 0;
    for (std::size_t q = 0; q < questions; ++q) {
      const auto last = 2 * questions + q;
      EXPECT_EQ(trajectory.is_right[last], record.unlearned.is_right[q]) << q;
      // The whole evaluation scores it beside the removals, in float32.
      EXPECT_NEAR(trajectory.gold_log_probability[last], record.unlearned.gold.mean_log_probability[q], 1e-5) << q;
      if (q < 4) strength += trajectory.extraction_strength[last] / 4;
    }
    const auto& metrics = record.metrics.rows;
    const auto found = std::ranges::find(metrics, "extraction_strength_forget", &MetricRecord::name);
    ASSERT_NE(found, metrics.end());
    EXPECT_NEAR(found->unlearned, strength, 1e-12);
    EXPECT_NEAR(trajectory.points[2].extraction_strength_forget, strength, 1e-12);
    EXPECT_EQ(trajectory.points[2].retain_held_out_asked, 4U);
    EXPECT_NE(trajectory.points[0].gold_log_probability_forget, trajectory.points[2].gold_log_probability_forget);
    EXPECT_FALSE(std::filesystem::exists(out_ / "models" / cell_id(c))) << "nobody asked for weights";
  }
}

TEST_F(ATrajectory, GoesOnFromACheckpointWithoutLookingAgain) {
  auto c = looked_at();
  c.unlearn.save_points = "1, 2, 4";
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto whole = run_cell(session_, world_, baseline, c, out_ / "whole");
  request_stop();  // heeded behind the first step
  EXPECT_THROW(run_cell(session_, world_, baseline, c, out_), StoppedAtCheckpoint);
  reset_stop();
  world_.barrier();
  std::filesystem::path row;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out_ / "training"))
    if (entry.path().filename() == "step-1.json") row = entry.path();
  ASSERT_FALSE(row.empty());
  const auto written = testing_support::written_at(row);
  auto text = read_file(row);
  text.replace(text.rfind(',') + 1, std::string::npos, "1234.5]");  // its seconds
  world_.barrier();
  if (world_.is_root()) write_file_atomically(row, text);
  world_.barrier();
  EXPECT_NE(written, 0);
  const auto record = run_cell(session_, world_, baseline, c, out_);
  ASSERT_THAT(steps_of(record.trajectory), ElementsAre(1, 2, 4, 6));
  EXPECT_EQ(record.trajectory.points[0].seconds, 1234.5) << "it was read, not seen again";
  EXPECT_EQ(record.trajectory.is_right, whole.trajectory.is_right);
  EXPECT_EQ(record.trajectory.gold_log_probability, whole.trajectory.gold_log_probability);
  world_.barrier();
  EXPECT_FALSE(std::filesystem::exists(row)) << "it goes when the result is safe";
}

TEST_F(ATrajectory, MakesTheCellOfTheChosenPoint) {
  auto c = looked_at();
  c.unlearn.select = PointRule::best_at_utility;  // all points keep everything: the first one
  c.campaign.save_models = c.unlearn.keep_points = true;
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto record = run_cell(session_, world_, baseline, c, out_);
  EXPECT_EQ(record.trajectory.selected, 2);
  EXPECT_EQ(record.trajectory.rule, "best_at_utility");
  auto shorter = c;
  shorter.unlearn.save_points.clear();
  shorter.unlearn.select = PointRule::last;
  shorter.unlearn.keep_points = false;
  shorter.unlearn.train.max_steps = 2;
  const auto expected = run_cell(session_, world_, baseline, shorter, out_ / "shorter");
  EXPECT_EQ(record.unlearned.gold.log_probabilities.values, expected.unlearned.gold.log_probabilities.values)
      << "the weights are those of two steps";
  world_.barrier();
  const auto weights = [](const std::filesystem::path& folder) { return read_file(folder / "model.safetensors"); };
  const auto models = out_ / "models", alone = out_ / "shorter/models";
  EXPECT_EQ(weights(models / cell_id(c)), weights(alone / cell_id(c)));
  EXPECT_EQ(weights(models / (cell_id(c) + ".step2")), weights(alone / cell_id(c)));
  EXPECT_NE(weights(models / (cell_id(c) + ".step6")), weights(alone / cell_id(c)));
}

TEST_F(ATrajectory, IsMixedWithItsTargetUntilEnoughIsKept) {
  auto c = looked_at();
  c.unlearn.save_points.clear();
  c.unlearn.mix = MixRule::calibrate;
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto kept = run_cell(session_, world_, baseline, c, out_);
  EXPECT_EQ(kept.mix.share, 0) << "every answer counts as right";
  EXPECT_EQ(kept.mix.points.size(), 1U);
  EXPECT_EQ(kept.mix.target_right, kept.mix.points.front().retain_asked);
  EXPECT_EQ(kept.mix.points.front().retain_asked, 2U) << "half of the held-out half";
  EXPECT_TRUE(kept.trajectory.points.empty());
}

TEST_F(ATrajectory, IsRefusedWhereItCannotBe) {
  const auto baseline = prepare_baseline(session_, looked_at(), out_);
  const auto refusal = [&](const Configuration& c) {
    return message_of<UserError>([&] { check_trajectory(c, baseline.questions, 4); });
  };
  auto c = looked_at();
  c.unlearn.save_points = "7";
  EXPECT_THAT(refusal(c), HasSubstr("the training has 6 steps"));
  c = looked_at();
  c.unlearn.select = PointRule::first_below_floor;
  EXPECT_THAT(refusal(c), HasSubstr("there is no floor"));
  c = looked_at();
  c.judge.kind = "external";
  c.judge.verdicts = "verdicts.jsonl";
  EXPECT_THAT(refusal(c), HasSubstr("judge.kind = external"));
  c = looked_at();
  c.unlearn.mix = MixRule::calibrate;
  auto few = baseline.questions;
  few.resize(5);
  EXPECT_THAT(message_of<UserError>([&] { check_trajectory(c, few, 4); }), HasSubstr("retain"));
}

}  // namespace
}  // namespace unpact
