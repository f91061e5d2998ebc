/// Checkpoints while the disk fails, the process is killed at any point, or the state changes.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/disk_faults.hpp"
#include "train/checkpoint_fixture.hpp"
#include "unpact/core/clock.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
namespace disk = testing_support::disk_faults;
using testing::AllOf;
using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::TrainingCheckpoint;

constexpr std::int64_t kShard = 5000;

class CheckpointFaults : public testing::Test {
 protected:
  void TearDown() override { disk::disarm(); }

  /// Every number tells its step, rank and place.
  static TrainingState state_of(std::int64_t step, const Collectives& group) {
    const auto values = at::arange(kShard, at::kFloat) + static_cast<double>(100'000 * step + 10'000 * group.rank());
    return {values, values + 1, values + 2, step, {0.5 * static_cast<double>(step)}, Json::array({step})};
  }
  static std::unique_ptr<TrainingCheckpoints> checkpoints(const fs::path& folder, Collectives& group) {
    const std::vector<ShardPiece> pieces = {{"u", kShard * group.size(), kShard, 0}};
    return std::make_unique<TrainingCheckpoints>(folder, "f", pieces, group, at::kCPU, 2);
  }
  static void save(TrainingCheckpoints& into, std::int64_t step, const Collectives& group) {
    into.start_save(state_of(step, group));
    into.finish();
  }
  /// @return the step that is found, 0 where there is none; its content must be whole, and nothing be set aside.
  static std::int64_t loaded_step(const fs::path& folder, Collectives& group) {
    auto found = state_of(0, group);
    if (!checkpoints(folder, group)->load(found)) return 0;
    const auto expected = state_of(found.step, group);
    EXPECT_TRUE(at::equal(found.values, expected.values) && at::equal(found.first_moment, expected.first_moment) &&
                at::equal(found.second_moment, expected.second_moment));
    EXPECT_EQ(found.coefficients, expected.coefficients);
    EXPECT_EQ(found.history, expected.history);
    for (const auto& entry : fs::directory_iterator(folder)) EXPECT_NE(entry.path().extension(), ".bad") << entry.path();
    return found.step;
  }

  Communicator world_ = Communicator::world(), null_;
  testing_support::SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
};

using DiskCase = std::tuple<disk::Fault, bool>;  // what fails, and whether on the last rank or on the first
class FailingDisk : public CheckpointFaults, public testing::WithParamInterface<DiskCase> {};

TEST_P(FailingDisk, EveryCallThatFailsIsAnErrorOnEveryRankAndTheCheckpointBeforeStays) {
  const auto& [fault, on_last] = GetParam();
  const int failing = on_last ? world_.size() - 1 : 0;
  const std::string code = std::strerror(fault == disk::Fault::io_error ? EIO : ENOSPC);
  bool failed = true;
  long call = 0;
  while (failed && ++call < 100) {
    const auto folder = folder_.path() / concat(call);
    const auto into = checkpoints(folder, *group_);
    save(*into, 1, *group_);
    if (world_.rank() == failing) disk::arm(folder, fault, call);
    const auto message = message_of<RuntimeFailure>([&] { save(*into, 2, *group_); });
    disk::disarm();
    EXPECT_THAT(world_.all_gather(message), Each(message));
    failed = message != "nothing was thrown";
    const auto names_it = AllOf(HasSubstr("step"), HasSubstr(concat("rank ", failing, ": ")), HasSubstr(code));
    EXPECT_THAT(message, AnyOf(names_it, "nothing was thrown")) << "call " << call;
    const auto step = loaded_step(folder, *group_);
    EXPECT_THAT(step, failed ? testing::Matcher<std::int64_t>(AnyOf(1, 2)) : 2) << "call " << call;
    const auto again = checkpoints(folder, *group_);
    save(*again, step + 1, *group_);  // with a disk that works again
    EXPECT_EQ(loaded_step(folder, *group_), step + 1);
  }
  EXPECT_FALSE(failed) << "some call must be one too many";
  // Rank 0 makes the folder and the manifest, too: an opening, a write, a sync, a name and the folder's sync. A shard's file takes
  // an opening, writes, a sync, a name and the folder's sync.
  const bool only_writes = fault == disk::Fault::short_write;
  EXPECT_GT(call, only_writes ? (failing == 0 ? 2 : 1) : (failing == 0 ? 9 : 5));
}

std::string name_of(const testing::TestParamInfo<DiskCase>& test) {
  const auto& [fault, on_last] = test.param;
  const auto* what = fault == disk::Fault::no_space ? "NoSpace" : fault == disk::Fault::io_error ? "IoError" : "ShortWrite";
  return concat(what, on_last ? "OnTheLastRank" : "OnTheFirstRank");
}

constexpr auto kNoSpace = disk::Fault::no_space, kIoError = disk::Fault::io_error, kShortWrite = disk::Fault::short_write;
INSTANTIATE_TEST_SUITE_P(With, FailingDisk,
                         testing::Combine(testing::Values(kNoSpace, kIoError, kShortWrite), testing::Bool()), name_of);

TEST_F(CheckpointFaults, AWriteThatTakesTwoCallsIsWhole) {
  long calls = 1;
  for (long call = 1; call <= calls; ++call) {
    const auto folder = folder_.path() / concat(call);
    disk::arm(folder, disk::Fault::split_write, call);
    save(*checkpoints(folder, *group_), 1, *group_);
    calls = world_.max(std::int64_t{disk::calls()});
    disk::disarm();
    EXPECT_EQ(loaded_step(folder, *group_), 1) << "call " << call;
  }
  EXPECT_GT(calls, 1);
}

/// While a rank's writer is held at its first write.
class HeldSave : public CheckpointFaults {
 protected:
  void hold(const fs::path& folder) const { disk::arm(folder, disk::Fault::hold, 1); }
  static void wait_until_held() {
    for (int i = 0; i < 30'000 && !disk::is_holding(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

TEST_F(HeldSave, WhatChangesBehindTheStartIsNotWritten) {
  const auto folder = folder_.path() / "training";
  hold(folder);
  const auto into = checkpoints(folder, *group_);
  auto state = state_of(1, *group_);
  into->start_save(state);
  for (auto* tensor : {&state.values, &state.first_moment, &state.second_moment}) tensor->fill_(-1);
  wait_until_held();
  into->poll();
  EXPECT_TRUE(disk::is_holding()) << "poll() does not wait";
  EXPECT_FALSE(fs::exists(folder / "step-00000001"));
  world_.barrier();
  disk::release();
  into->finish();
  EXPECT_EQ(loaded_step(folder, *group_), 1);
}

TEST_F(HeldSave, TheNextOneDoesNotBeginBefore) {
  const auto folder = folder_.path() / "training";
  hold(folder);
  const auto into = checkpoints(folder, *group_);
  into->start_save(state_of(1, *group_));
  wait_until_held();
  std::atomic<bool> overlaps = false;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // time for a mistake
    overlaps = !disk::is_holding() || fs::exists(folder / ".step-00000002.tmp");
    disk::release();
  });
  into->start_save(state_of(2, *group_));
  later.join();
  EXPECT_FALSE(overlaps);
  EXPECT_TRUE(fs::exists(folder / "step-00000001")) << "the first is complete before the second begins";
  into->finish();
  EXPECT_EQ(loaded_step(folder, *group_), 2);
}

class TrainingWithAHeldSave : public TrainingCheckpoint {};

TEST_F(TrainingWithAHeldSave, GoesOn) {
  auto options = eight_steps();
  options.execution.checkpoint_every = 2;
  disk::arm(options.checkpoint_folder, disk::Fault::hold, 1);
  auto model = testing_support::tiny_transformer(1);
  std::int64_t steps_while_held = 0;
  train(model, {{&term_, 1.0}}, options, *group_, {}, [&](const StepReport& report) {
    if (report.step == 3) {  // the save of step 2 is under way, that of step 4 would wait for it
      for (int i = 0; i < 30'000 && !disk::is_holding(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      steps_while_held += disk::is_holding();
    }
    if (report.step == 4) {
      steps_while_held += disk::is_holding();
      world_.barrier();
      disk::release();
    }
  });
  disk::disarm();
  EXPECT_EQ(steps_while_held, 2);
  EXPECT_THAT(kept(), testing::ElementsAre("step-00000004", "step-00000006"));
}

/// What a child process that may be killed has done.
class Shared {
 public:
  Shared() : memory_(::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::runtime_error("no shared memory");
    new (memory_) Counter(0);
  }
  ~Shared() { ::munmap(memory_, sizeof(Counter)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  std::atomic<std::int64_t>& completed() const { return *static_cast<Counter*>(memory_); }

 private:
  using Counter = std::atomic<std::int64_t>;
  void* memory_;
};

/// Children of one rank that save alone, each in a folder of its rank; they never touch MPI.
class KilledSaver : public CheckpointFaults {
 protected:
  template <class Work>
  static pid_t start(const Work& work) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      work();
    } catch (...) {
      ::_exit(3);
    }
    ::_exit(0);
  }
  /// @return whether it was killed; it must end well otherwise.
  static bool was_killed(pid_t child) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) << status;
    return killed;
  }
  void save_steps(const fs::path& folder, std::int64_t first, std::int64_t last, Shared& shared) const {
    const auto into = checkpoints(folder, *single_);
    for (auto step = first; step <= last; ++step) {
      save(*into, step, *single_);
      shared.completed() = step;
    }
  }
  fs::path own_folder() const { return folder_.path() / concat("rank-", world_.rank()); }
};

/// Before each single call that creates, writes, syncs, renames or removes, also while the oldest checkpoint goes: what is
/// found is the last complete step or the one behind it.
TEST_F(KilledSaver, AtAnyCallLeavesTheLastCheckpointOrTheNext) {
  long call = 1 + world_.rank();
  for (bool killed = true; killed && call < 1000; call += world_.size()) {
    const auto folder = own_folder() / concat(call);
    Shared shared;
    killed = was_killed(start([&] {
      save_steps(folder, 1, 2, shared);
      disk::arm(folder, disk::Fault::kill, call);
      save_steps(folder, 3, 3, shared);  // the first one goes
    }));
    const auto completed = shared.completed().load();
    EXPECT_EQ(completed, killed ? 2 : 3) << "call " << call;
    EXPECT_THAT(loaded_step(folder, *single_), AnyOf(completed, completed + 1)) << "call " << call;
  }
  EXPECT_GT(call, 20) << "a save and a removal take more calls than that";
}

/// Fifty kills over all ranks, at times that nothing decides: within two saves of the start, or of the first save.
TEST_F(KilledSaver, AtRandomTimesLeavesTheLastCheckpointOrTheNext) {
  const auto folder = own_folder();
  const Stopwatch watch;
  save(*checkpoints(folder, *single_), 1, *single_);
  const auto two_saves = static_cast<std::uint64_t>(2e6 * watch.seconds());
  std::int64_t last = 1, kills = 0, waited = 0;
  for (int kill = world_.rank(); kill < 50; kill += world_.size()) {
    Shared shared;
    shared.completed() = last;
    const auto child = start([&] { save_steps(folder, last + 1, last + 1'000'000, shared); });
    const bool waits = kill / world_.size() % 2 == 0;  // every second one, so that saves get through on any machine
    waited += waits;
    for (int i = 0; waits && i < 60'000 && shared.completed() == last; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::microseconds(random_below(two_saves, 1, 2, static_cast<std::uint64_t>(kill))));
    EXPECT_EQ(::kill(child, SIGKILL), 0);
    kills += was_killed(child);
    const auto completed = shared.completed().load(), found = loaded_step(folder, *single_);
    EXPECT_THAT(found, AnyOf(completed, completed + 1)) << "kill " << kill;
    last = found;
  }
  EXPECT_EQ(world_.sum(kills), 50);
  EXPECT_GT(last, waited) << "saves must get through";
}

}  // namespace
}  // namespace unpact
