/// Stopping and continuing.
#include <fstream>

#include "train/checkpoint_fixture.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::TrainingCheckpoint;

TEST_F(TrainingCheckpoint, AStoppedRunContinuesBitForBit) {
  auto straight = eight_steps();
  straight.checkpoint_folder.clear();
  const auto expected = run(straight);
  for (const bool recompute : {false, true}) {  // which changes no bit either
    auto options = eight_steps();
    options.execution.recompute = recompute;
    stop(options, 2);
    EXPECT_THAT(kept(), ElementsAre("step-00000003"));
    stop(options, 5);
    EXPECT_THAT(kept(), ElementsAre("step-00000003", "step-00000006"));
    expect_same(run(options), expected);
    if (world_.is_root()) remove_training_checkpoints(options.checkpoint_folder);
    world_.barrier();
  }
}

TEST_F(TrainingCheckpoint, RegularOnesAreKeptTwoAtATime) {
  auto options = eight_steps();
  options.execution.checkpoint_every = 2;
  const auto first = run(options);
  EXPECT_THAT(kept(), ElementsAre("step-00000004", "step-00000006"));
  expect_same(run(options), first);  // from step 6
}

TEST_F(TrainingCheckpoint, ComeByTheClockOfRankZero) {
  auto options = eight_steps();
  const auto first = run(options);
  EXPECT_FALSE(fs::exists(options.checkpoint_folder)) << "a short training needs none";
  world_.barrier();
  options.execution.checkpoint_minutes = world_.is_root() ? 1e-9 : 0;
  expect_same(run(options), first);
  EXPECT_THAT(kept(), ElementsAre("step-00000006", "step-00000007"));
}

/// Notes which examples each step draws.
class NotingTerm : public CrossEntropyTerm {
 public:
  using CrossEntropyTerm::CrossEntropyTerm;
  double normalizer(ExampleIndices indices) const override {
    drawn.emplace_back(indices.begin(), indices.end());
    return CrossEntropyTerm::normalizer(indices);
  }
  mutable std::vector<std::vector<std::int64_t>> drawn;  // a list a step, over all ranks
};

/// Batches of 5: 10 examples end behind every second step, 7 in the middle of one; uniform and paired draws have no end.
class DrawnExamples : public TrainingCheckpoint {
 protected:
  using Steps = std::vector<std::vector<std::vector<std::int64_t>>>;  // for each term, for each step

  /// What the steps up to the 12th draw; with `stop_behind` the run is stopped there and continued.
  Steps drawn(const TrainOptions& options, std::int64_t stop_behind = 0) {
    const std::vector<NotingTerm> terms = {NotingTerm(random_examples(10, 1)), NotingTerm(random_examples(7, 2)),
                                           NotingTerm(random_examples(9, 3)), NotingTerm(random_examples(8, 4))};
    const std::vector<WeightedTerm> weighted = {
        {&terms[0], 1.0}, {&terms[1], 0.1}, {&terms[2], 0.1, Sampling::uniform}, {&terms[3], 0.1, Sampling::paired}};
    const auto run_from_the_start = [&] {
      auto model = testing_support::tiny_transformer(1);
      train(model, weighted, options, *group_, {}, [&](const StepReport& report) {
        if (report.step == stop_behind - 1) std::raise(SIGUSR1);  // the ranks agree in the next step
      });
    };
    if (stop_behind > 0) {
      install_stop_signal();
      EXPECT_THROW(run_from_the_start(), StoppedAtCheckpoint);
      EXPECT_EQ(terms[0].drawn.size(), static_cast<std::size_t>(stop_behind));
      reset_stop();
      stop_behind = 0;
      world_.barrier();
    }
    run_from_the_start();
    Steps all;
    for (const auto& term : terms) all.push_back(term.drawn);
    return all;
  }
};

TEST_F(DrawnExamples, AreTheSameBehindAStopAtTheEndOfAnEpochAndInside) {
  auto options = eight_steps();
  options.max_steps = 12;
  options.micro_batch = 5;
  options.checkpoint_folder.clear();
  const auto straight = drawn(options);
  EXPECT_EQ(straight[0].size(), 12U);
  for (const std::int64_t stop_behind : {3, 4}) {
    options.checkpoint_folder = (folder_.path() / concat("behind-", stop_behind)).string();
    EXPECT_EQ(drawn(options, stop_behind), straight) << "stopped behind step " << stop_behind;
  }
}

TEST_F(TrainingCheckpoint, TheStepLogHasEveryStepOnce) {
  auto options = eight_steps();
  options.step_log = folder_.path() / "steps.jsonl";
  stop(options, 3);
  run(options);
  world_.barrier();
  std::ifstream in(options.step_log);
  std::string line;
  std::int64_t steps = 0;
  while (std::getline(in, line)) {
    const auto json = parse_json(line, "line");
    EXPECT_EQ(json["step"], ++steps);
    EXPECT_EQ(json["terms"].size(), 2U);
    EXPECT_GT(json["tokens"], 0);
  }
  EXPECT_EQ(steps, 8);
}

/// Groups of half as many ranks (of one, where there is one) take over, each in its own copy of the folder; so does each
/// rank alone.
TEST_F(TrainingCheckpoint, AnotherNumberOfRanksContinuesTheSameRun) {
  auto straight = eight_steps();
  straight.checkpoint_folder.clear();
  const auto expected = run(straight);
  const auto options = eight_steps();
  stop(options, 3);
  const auto half = world_.split(world_.rank() / std::max(1, world_.size() / 2), world_.rank());
  const auto halves = make_collectives(half, at::kCPU);
  for (auto* group : {halves.get(), single_.get()}) {
    auto copied = options;
    const auto first = world_.rank() - group->rank();
    copied.checkpoint_folder = folder_.path() / concat(group == single_.get() ? "alone-" : "half-", first);
    if (group->rank() == 0) fs::copy(options.checkpoint_folder, copied.checkpoint_folder, fs::copy_options::recursive);
    world_.barrier();
    const auto continued = run(copied, 0, group);
    // Sums in another order: float32 rounding through a few Adam steps.
    EXPECT_LE(relative_difference(continued.model.weights(), expected.model.weights()), 1e-6);
    for (std::size_t i = 0; i < expected.reports.size(); ++i)
      EXPECT_NEAR(continued.reports[i].loss, expected.reports[i].loss, 1e-5 * std::abs(expected.reports[i].loss)) << i;
  }
}

/// From all ranks to half of them (from 4 to 2, say) and back.
TEST_F(TrainingCheckpoint, ReshardingThereAndBackKeepsEveryBit) {
  const auto full = at::arange(17, at::kFloat) * 1.7F;
  const auto pieces_of = [](int ranks) {
    const std::int64_t a = (11 + ranks - 1) / ranks, b = (6 + ranks - 1) / ranks;
    return std::vector<ShardPiece>{{"a", 11, a, 0}, {"b", 6, b, a}};
  };
  const auto cut = [&](const at::Tensor& vector, const Collectives& group) {
    const auto pieces = pieces_of(group.size());
    auto out = at::zeros({pieces[0].shard + pieces[1].shard});
    for (const auto& [piece, start] : {std::pair(pieces[0], 0), std::pair(pieces[1], 11)})
      for (std::int64_t i = 0; i < piece.shard; ++i)
        if (const auto at_unit = group.rank() * piece.shard + i; at_unit < piece.unit_size)
          out[piece.begin + i] = vector[start + at_unit];
    return out;
  };
  const auto state_of = [&](std::int64_t step, const Collectives& group) {
    return TrainingState{cut(full, group), cut(full + 100, group), cut(full + 200, group), step, {1.0}, Json::array()};
  };
  const auto expect_loaded = [&](TrainingCheckpoints& checkpoints, std::int64_t step, const Collectives& group) {
    const auto expected = state_of(step, group);
    const auto zeros = at::zeros_like(expected.values);
    TrainingState found{zeros, zeros.clone(), zeros.clone(), 0, {}, {}};
    ASSERT_TRUE(checkpoints.load(found));
    EXPECT_EQ(found.step, step);
    EXPECT_TRUE(at::equal(found.values, expected.values) && at::equal(found.first_moment, expected.first_moment) &&
                at::equal(found.second_moment, expected.second_moment));
  };
  const auto folder = folder_.path() / "training";
  const auto half = world_.split(world_.rank() < std::max(1, world_.size() / 2) ? 0 : 1, world_.rank());
  const auto halves = make_collectives(half, at::kCPU);
  TrainingCheckpoints sharded(folder, "f", pieces_of(group_->size()), *group_, at::kCPU, 2);
  sharded.start_save(state_of(3, *group_));
  sharded.finish();
  world_.barrier();
  if (world_.rank() < halves->size() && world_.rank() == halves->rank()) {
    TrainingCheckpoints fewer(folder, "f", pieces_of(halves->size()), *halves, at::kCPU, 2);
    expect_loaded(fewer, 3, *halves);
    fewer.start_save(state_of(4, *halves));
    fewer.finish();
  }
  world_.barrier();
  expect_loaded(sharded, 4, *group_);
}

TEST_F(TrainingCheckpoint, TemporaryFoldersAreNoCheckpointsAndGo) {
  const auto options = eight_steps();
  const auto expected = run(options);
  if (world_.is_root()) {
    fs::create_directories(folder_.path() / "training" / ".step-00000004.tmp");
    fs::create_directories(folder_.path() / "training" / ".step-00000004.removed");
    fs::create_directories(folder_.path() / "training" / "step-4");
  }
  world_.barrier();
  expect_same(run(options), expected);
  EXPECT_THAT(kept(), ElementsAre("step-4")) << "what a killed run left behind only takes space";
}

TEST_F(TrainingCheckpoint, OneThatWasBeingReplacedIsPutBack) {
  const auto options = eight_steps();
  stop(options, 2);
  if (world_.is_root())
    fs::rename(folder_.path() / "training" / "step-00000003", folder_.path() / "training" / "step-00000003.old");
  world_.barrier();
  auto straight = options;
  straight.checkpoint_folder.clear();
  expect_same(run(options), run(straight));
  EXPECT_THAT(kept(), ElementsAre("step-00000003"));
}

TEST_F(TrainingCheckpoint, WhatCannotBeWrittenIsAnErrorOnEveryRank) {
  const auto options = eight_steps();
  if (world_.is_root()) std::ofstream(folder_.path() / "training") << "a file in the way";
  world_.barrier();
  install_stop_signal();
  EXPECT_THROW(run(options, 2), RuntimeFailure);
}

TEST_F(TrainingCheckpoint, ATimeLimitStopsTheRun) {
  const auto options = eight_steps();
  set_time_limit(1);  // less than what a step keeps in reserve
  EXPECT_THROW(run(options), StoppedAtCheckpoint);
  EXPECT_THAT(kept(), ElementsAre("step-00000001"));
}

}  // namespace
}  // namespace unpact
