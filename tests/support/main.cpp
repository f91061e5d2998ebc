/// GoogleTest under MPI: every rank runs every test in step, ranks other than 0 print only their failures, and the
/// program fails on every rank when one rank fails or when no test ran. A rank whose test failed does not wait for
/// ever for ranks that may be stuck in that test.
#include <gtest/gtest.h>
#include <mpi.h>

#include <chrono>
#include <ctime>
#include <iostream>
#include <thread>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/log.hpp"

namespace {

constexpr auto kPatienceAfterFailure = std::chrono::seconds(60);

class StepTogether : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { MPI_Barrier(MPI_COMM_WORLD); }

  void OnTestEnd(const testing::TestInfo& test) override {
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Ibarrier(MPI_COMM_WORLD, &request);  // on every rank: it does not meet another rank's MPI_Barrier
    if (!test.result()->Failed()) {
      MPI_Wait(&request, MPI_STATUS_IGNORE);
      return;
    }
    const auto end = std::chrono::steady_clock::now() + kPatienceAfterFailure;
    for (int done = 0; !done; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done || std::chrono::steady_clock::now() < end) continue;
      std::cerr << "[rank " << unpact::log::rank() << "] " << test.test_suite_name() << '.' << test.name()
                << " failed here and other ranks do not come back from it: ending the run" << std::endl;
      unpact::MpiSession::abort_all(1);
    }
  }
};

class FailuresOnly : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}
  void OnTestStart(const testing::TestInfo& test) override { test_ = &test; }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const auto name = test_ ? std::string(test_->test_suite_name()) + "." + test_->name() : "outside of a test";
    std::cerr << "[rank " << rank_ << "] " << name << ": " << (result.file_name() ? result.file_name() : "?") << ":"
              << result.line_number() << ": " << result.summary() << std::endl;
  }

 private:
  int rank_;
  const testing::TestInfo* test_ = nullptr;
};

/// Shuffled tests must come in the same order on every rank; GoogleTest alone would ask each rank's clock.
void share_random_seed() {
  int seed = testing::GTEST_FLAG(random_seed);
  if (seed == 0) seed = static_cast<int>(std::time(nullptr) % 99999) + 1;
  MPI_Bcast(&seed, 1, MPI_INT, 0, MPI_COMM_WORLD);
  testing::GTEST_FLAG(random_seed) = seed;
}

}  // namespace

int main(int argc, char** argv) {
  unpact::MpiSession session(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  unpact::log::set_rank(rank, size);
  share_random_seed();
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) {
    delete listeners.Release(listeners.default_result_printer());
    delete listeners.Release(listeners.default_xml_generator());  // one report, not a race for its file
    listeners.Append(new FailuresOnly(rank));
  }
  listeners.Append(new StepTogether);
  int failed = RUN_ALL_TESTS();
  if (testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
    if (rank == 0) std::cerr << "no test ran\n";
    failed = 1;
  }
  int any_failed = 0;
  MPI_Allreduce(&failed, &any_failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return any_failed;
}
