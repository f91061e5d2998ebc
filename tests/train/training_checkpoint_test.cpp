/// Stopping, continuing, and checkpoints that are damaged.
#include "unpact/train/training_checkpoint.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::TemporaryFolder;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::relative_difference;
using testing_support::tiny_transformer;

/// A folder that all ranks of the world share.
class SharedFolder {
 public:
  explicit SharedFolder(const Communicator& world) : world_(world) {
    if (world.is_root()) own_ = std::make_unique<TemporaryFolder>();
    path_ = world.broadcast(world.is_root() ? own_->path().string() : "", 0);
  }
  ~SharedFolder() { world_.barrier(); }
  const fs::path& path() const { return path_; }

 private:
  const Communicator& world_;
  std::unique_ptr<TemporaryFolder> own_;
  fs::path path_;
};

class TrainingCheckpoint : public testing::Test {
 protected:
  void SetUp() override { reset_stop(); }
  void TearDown() override { reset_stop(); }

  TrainOptions eight_steps() const {
    TrainOptions options;
    options.max_steps = 8;
    options.batch_size = 5;
    options.micro_batch = 2;
    options.learning_rate = 1e-3;
    options.schedule = "linear";
    options.checkpoint_folder = folder_.path() / "training";
    options.identity = "test";
    return options;
  }

  struct Outcome {
    Transformer model;
    std::vector<StepReport> reports;
  };

  /// Trains; asks to stop in step `stop_at`, by a signal to the rank with that number modulo the ranks.
  Outcome run(const TrainOptions& options, std::int64_t stop_at = 0, Collectives* group = nullptr) {
    Outcome outcome{tiny_transformer(1), {}};
    std::int64_t calls = 0;
    outcome.reports = train(outcome.model, {{&term_, 1.0}, {&other_, -0.2}}, options, group ? *group : *group_, {}, [&](const StepReport& report) {
      EXPECT_EQ(report.step, ++calls);
      if (report.step == stop_at && stop_at % world_.size() == world_.rank()) std::raise(SIGUSR1);
    });
    return outcome;
  }

  /// The run is stopped behind step `stop_at` + 1 (the signal comes behind a step, the ranks agree in the next).
  void stop(const TrainOptions& options, std::int64_t stop_at, Collectives* group = nullptr) {
    install_stop_signal();
    EXPECT_THROW(run(options, stop_at, group), StoppedAtCheckpoint);
    reset_stop();
    world_.barrier();
  }

  std::vector<std::string> kept() const {
    world_.barrier();
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "training")) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    world_.barrier();
    return names;
  }

  static void expect_same(const Outcome& a, const Outcome& b) {
    EXPECT_EQ(first_difference(a.model.weights(), b.model.weights()), "");
    ASSERT_EQ(a.reports.size(), b.reports.size());
    for (std::size_t i = 0; i < a.reports.size(); ++i) {
      EXPECT_EQ(a.reports[i].loss, b.reports[i].loss) << "step " << i;
      EXPECT_EQ(a.reports[i].term_losses, b.reports[i].term_losses);
      EXPECT_EQ(a.reports[i].gradient_norm, b.reports[i].gradient_norm);
      EXPECT_EQ(a.reports[i].targets, b.reports[i].targets);
    }
  }

  Communicator world_ = Communicator::world(), null_;
  SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
  CrossEntropyTerm term_{random_examples(11, 1)}, other_{random_examples(7, 2)};
};

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

TEST_F(TrainingCheckpoint, AnotherNumberOfRanksContinuesTheSameRun) {
  auto straight = eight_steps();
  straight.checkpoint_folder.clear();
  const auto expected = run(straight);
  const auto options = eight_steps();
  stop(options, 3);
  // One rank alone takes over from all, in its own copy of the folder; then all from one.
  auto alone = options;
  alone.checkpoint_folder = folder_.path() / concat("alone-", world_.rank());
  fs::copy(options.checkpoint_folder, alone.checkpoint_folder, fs::copy_options::recursive);
  const auto continued = run(alone, 0, single_.get());
  // Sums in another order: float32 rounding through a few Adam steps.
  EXPECT_LE(relative_difference(continued.model.weights(), expected.model.weights()), 1e-6);
  for (std::size_t i = 0; i < expected.reports.size(); ++i)
    EXPECT_NEAR(continued.reports[i].loss, expected.reports[i].loss, 1e-5 * std::abs(expected.reports[i].loss)) << i;
}

TEST_F(TrainingCheckpoint, ReshardingThereAndBackKeepsEveryBit) {
  const auto options = eight_steps();
  const std::vector<ShardPiece> mine = {{"a", 11, (11 + world_.size() - 1) / world_.size(), 0},
                                        {"b", 6, (6 + world_.size() - 1) / world_.size(), (11 + world_.size() - 1) / world_.size()}};
  const std::vector<ShardPiece> whole = {{"a", 11, 11, 0}, {"b", 6, 6, 11}};
  const auto full = at::arange(17, at::kFloat) * 1.7F;
  const auto cut = [&](const at::Tensor& vector) {
    auto out = at::zeros({mine[0].shard + mine[1].shard});
    for (int u = 0; u < 2; ++u)
      for (std::int64_t i = 0; i < mine[u].shard; ++i) {
        const auto at_unit = world_.rank() * mine[u].shard + i;
        if (at_unit < mine[u].unit_size) out[mine[u].begin + i] = vector[whole[u].begin + at_unit];
      }
    return out;
  };
  TrainingState state{cut(full), cut(full + 100), cut(full + 200), 3, {1.0}, Json::array()};
  TrainingCheckpoints sharded(options.checkpoint_folder, "f", mine, *group_, at::kCPU, 2);
  sharded.start_save(state);
  state.values.fill_(-1);  // what is written was copied before
  sharded.finish();
  world_.barrier();
  if (world_.is_root()) {
    TrainingState one{at::zeros({17}), at::zeros({17}), at::zeros({17}), 0, {}, {}};
    TrainingCheckpoints alone(options.checkpoint_folder, "f", whole, *single_, at::kCPU, 2);
    ASSERT_TRUE(alone.load(one));
    EXPECT_TRUE(at::equal(one.values, full) && at::equal(one.first_moment, full + 100) && at::equal(one.second_moment, full + 200));
    one.step = 4;
    alone.start_save(one);
    alone.finish();
  }
  world_.barrier();
  ASSERT_TRUE(sharded.load(state));
  EXPECT_EQ(state.step, 4);
  EXPECT_TRUE(at::equal(state.values, cut(full)) && at::equal(state.second_moment, cut(full + 200)));
}

class DamagedCheckpoint : public TrainingCheckpoint {
 protected:
  /// Two checkpoints, the newer one changed by `damage`; the run must go on from the older one.
  void expect_fallback(const std::vector<std::function<void(const fs::path&)>>& damages) {
    auto options = eight_steps();
    options.max_steps = 4;
    options.execution.checkpoint_every = 1;
    const auto expected = run(options);
    const auto original = folder_.path() / "training", saved = folder_.path() / "saved";
    world_.barrier();
    if (world_.is_root()) fs::rename(original, saved);
    for (const auto& damage : damages) {
      if (world_.is_root()) {
        fs::remove_all(original);
        fs::copy(saved, original, fs::copy_options::recursive);
        damage(original / "step-00000003");
      }
      world_.barrier();
      expect_same(run(options), expected);
      EXPECT_THAT(kept(), ElementsAre("step-00000002", "step-00000003", "step-00000003.bad"));
    }
  }
};

TEST_F(DamagedCheckpoint, OneBitInAnyFileIsSeen) {
  std::vector<std::string> files = {"manifest.json"};
  for (int r = 0; r < world_.size(); ++r) files.push_back(concat("rank-0000", r, ".safetensors"));
  std::vector<std::function<void(const fs::path&)>> damages;
  for (const auto& file : files)
    damages.emplace_back([file](const fs::path& folder) {
      auto bytes = read_file(folder / file);
      // In the manifest a bit of a checksum, elsewhere one of a number.
      const auto place = file == "manifest.json" ? bytes.find("sha256\": \"") + 12 : bytes.size() - 5;
      bytes[place] = static_cast<char>(bytes[place] ^ 1);
      std::ofstream(folder / file, std::ios::binary) << bytes;
    });
  expect_fallback(damages);
}

TEST_F(DamagedCheckpoint, MissingAndExtraFilesAreSeen) {
  expect_fallback({[](const fs::path& folder) { fs::remove(folder / "manifest.json"); },
                   [](const fs::path& folder) { fs::remove(folder / "rank-00000.safetensors"); },
                   [](const fs::path& folder) { std::ofstream(folder / "extra") << "?"; },
                   [](const fs::path& folder) { fs::resize_file(folder / "rank-00000.safetensors", 100); },
                   [](const fs::path& folder) {
                     std::ofstream(folder / "manifest.json") << "{\"format\": \"unpact-training\", \"version\": 1}";
                   }});
}

TEST_F(TrainingCheckpoint, TemporaryFoldersAreNoCheckpoints) {
  const auto options = eight_steps();
  const auto expected = run(options);
  if (world_.is_root()) {
    fs::create_directories(folder_.path() / "training" / ".step-00000004.tmp");
    fs::create_directories(folder_.path() / "training" / ".step-00000004.removed");
    fs::create_directories(folder_.path() / "training" / "step-4");
  }
  world_.barrier();
  expect_same(run(options), expected);
}

TEST_F(TrainingCheckpoint, ThatOfAnotherRunOrVersionIsRefused) {
  auto options = eight_steps();
  stop(options, 2);
  auto other = options;
  other.learning_rate = 2e-3;
  EXPECT_THAT(message_of<UserError>([&] { run(other); }), AllOf(HasSubstr("belongs to another run"), HasSubstr("step-00000003")));
  other = options;
  other.identity = "something else";
  EXPECT_THAT(message_of<UserError>([&] { run(other); }), HasSubstr("belongs to another run"));
  world_.barrier();
  if (world_.is_root()) {
    const auto manifest = folder_.path() / "training" / "step-00000003" / "manifest.json";
    write_file_atomically(manifest, replace_all(read_file(manifest), "\"version\": 1", "\"version\": 2"));
  }
  world_.barrier();
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), AllOf(HasSubstr("has version 2"), HasSubstr("knows version 1")));
  EXPECT_THAT(kept(), ElementsAre("step-00000003"));  // refused, not set aside
}

TEST_F(TrainingCheckpoint, WhenAllAreDamagedNothingBeginsSilentlyAnew) {
  const auto options = eight_steps();
  stop(options, 2);
  if (world_.is_root()) fs::remove(folder_.path() / "training" / "step-00000003" / "manifest.json");
  world_.barrier();
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), AllOf(HasSubstr("no checkpoint in"), HasSubstr("is whole")));
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

TEST_F(TrainingCheckpoint, ADamagedOneIsTheReasonToKeepTwo) {
  auto options = eight_steps();
  options.execution.checkpoint_keep = 1;
  EXPECT_THAT(message_of<UserError>([&] { run(options); }), HasSubstr("checkpoint_keep"));
}

}  // namespace
}  // namespace unpact
