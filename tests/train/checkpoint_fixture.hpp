#pragma once
/// Trainings of a tiny model that are stopped and continued, for the tests of this folder.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "support/shared_folder.hpp"
#include "support/training_examples.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact::testing_support {

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
    options.schedule = Schedule::linear;
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
    const std::vector<WeightedTerm> terms = {{&term_, 1.0}, {&other_, -0.2}};
    outcome.reports = train(outcome.model, terms, options, group ? *group : *group_, {}, [&](const StepReport& report) {
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
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path() / "training"))
      names.push_back(entry.path().filename().string());
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
      EXPECT_EQ(a.reports[i].tokens, b.reports[i].tokens);
    }
  }

  Communicator world_ = Communicator::world(), null_;
  SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
  CrossEntropyTerm term_{random_examples(11, 1)}, other_{random_examples(7, 2)};
};

}  // namespace unpact::testing_support
