// The loops for the CPU run on several threads, whose number changes no bit.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <ctime>
#include <functional>
#include <string>

#include "unpact/kernels/attention.hpp"
#include "unpact/kernels/gated_product.hpp"
#include "unpact/kernels/log_softmax.hpp"
#include "unpact/kernels/norm.hpp"
#include "unpact/kernels/rotary.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact::kernels {
namespace {

constexpr std::int64_t kRows = 2048, kWidth = 1024;  // 128 tasks

struct Loop {
  std::string name;
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& y)> run;  ///< it may change x
};

void PrintTo(const Loop& loop, std::ostream* out) { *out << loop.name; }

std::vector<Loop> loops() {
  const auto targets = [] { return at::arange(kRows) % kWidth; };
  return {
      {"norm", [](const at::Tensor& x, const at::Tensor& y) { return rms_norm(x, y[0], 1e-5); }},
      {"rotation",
       [](const at::Tensor& x, const at::Tensor& y) {
         return rotate_rows(x.view({kRows, 16, 64}), {y[0].view({16, 64}), y[1].view({16, 64})}, at::arange(kRows) % 16);
       }},
      {"gated_product", [](const at::Tensor& x, const at::Tensor& y) { return gated_product(Activation::silu, x, y); }},
      {"normalizers", [](const at::Tensor& x, const at::Tensor&) { return log_normalizers(x); }},
      {"log_softmax_gradient",
       [targets](at::Tensor x, const at::Tensor& y) {
         log_softmax_gradient(x, y.select(1, 0), targets(), y.select(1, 1));
         return x;
       }},
  };
}

class Loops : public testing::TestWithParam<Loop> {
 protected:
  void TearDown() override { at::set_num_threads(before_); }
  at::Tensor run() const { return GetParam().run(x_.clone(), y_); }
  const int before_ = at::get_num_threads();
  const c10::NoGradGuard no_gradients_;
  const at::Tensor x_ = at::randn({kRows, kWidth}), y_ = at::randn({kRows, kWidth});
};

TEST_P(Loops, GiveTheSameBitsOnAnyNumberOfThreads) {
  at::set_num_threads(1);
  const auto alone = run();
  for (const int count : {2, 3, 5}) {
    at::set_num_threads(count);
    EXPECT_TRUE(at::equal(run(), alone)) << count << " threads";
  }
}

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Seconds of the processor that some runs take of this thread and of the others.
struct Work {
  double own, others;
};
Work work_of(int runs, const std::function<void()>& run) {
  const double own = cpu_seconds(CLOCK_THREAD_CPUTIME_ID), all = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < runs; ++i) run();
  const double own_part = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
  return {own_part, cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - all - own_part};
}

TEST_P(Loops, ShareTheirWorkWithOtherThreads) {
#ifndef _OPENMP
  GTEST_SKIP() << "this compiler builds without OpenMP (as Clang does here): the loops run on one thread";
#endif
  const auto x = at::zeros_like(
      x_);  // stays finite however often a loop runs in place; a copy a run would be shared work of LibTorch's
  const auto once = [&] { GetParam().run(x, y_); };
  at::set_num_threads(1);
  int runs = 1;
  double alone = 0;
  while (alone < 0.1) alone = work_of(runs *= 2, once).own;
  at::set_num_threads(2);
  once();
  // Half of it is theirs. Threads that wait actively add little, and stop after some milliseconds.
  EXPECT_GT(work_of(runs, once).others, 0.25 * alone) << runs << " runs of " << alone << " s in all";
}

INSTANTIATE_TEST_SUITE_P(Of, Loops, testing::ValuesIn(loops()), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace unpact::kernels
