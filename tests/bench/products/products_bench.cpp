// Rates of this machine's products of float32 matrices on one thread, in 10^9 operations a second of CPU time: LibTorch's usual library,
// its oneDNN, the project's loops, and what the kernels choose. docs/benchmarks/products.md explains the numbers.
//   products_bench [repeats]
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdlib>
#include <iomanip>
#include <iostream>

#include "src/kernels/linear/forms.hpp"
#include "src/kernels/matrix_product/forms.hpp"
#include "unpact/core/clock.hpp"

namespace unpact::kernels {
namespace {

/// The best of some repeats of about 10^9 operations each.
template <class Call>
double rate(double operations, int repeats, const Call& call) {
  const int times = std::max(1, static_cast<int>(1e9 / operations));
  double best = 0;
  call();
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const CpuStopwatch cpu;
    for (int i = 0; i < times; ++i) call();
    best = std::max(best, operations * times / cpu.seconds() / 1e9);
  }
  return best;
}

void measure(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, int repeats) {
  const auto x = at::randn({rows, inputs}), w = at::randn({outputs, inputs}), g = at::randn({rows, outputs});
  auto out = at::empty({rows, outputs}), back = at::empty({rows, inputs}), sum = at::zeros({outputs, inputs});
  const double operations = 2.0 * static_cast<double>(rows) * static_cast<double>(inputs) * static_cast<double>(outputs);
  const auto show = [&](const auto& call) { std::cout << std::setw(7) << std::lround(rate(operations, repeats, call)); };
  std::cout << std::setw(6) << inputs << std::setw(7) << outputs << std::setw(6) << rows << " |";
  show([&] { reference::product(out, x, w.t(), false); });
  show([&] { onednn::product(out, x, w.t(), false); });
  show([&] { cpu::row_product(out, x, {w, {}}, false); });
  show([&] { multiply_rows(out, x, w.t()); });
  std::cout << " |";
  show([&] { reference::product(back, g, w, false); });
  show([&] { multiply_rows(back, g, w); });
  std::cout << " |";
  show([&] { reference::product(sum, g.t(), x, true); });
  show([&] { add_outer_products(sum, g, x); });
  std::cout << std::endl;
}

}  // namespace
}  // namespace unpact::kernels

int main(int count, char** arguments) {
  const c10::InferenceMode no_gradients;
  at::set_num_threads(1);
  std::cout
      << "inputs outputs rows |         x w^T: MKL, oneDNN, own loops, chosen | g w: MKL, chosen | g^T x: MKL, chosen\n";
  for (const auto& [inputs, outputs] : {std::pair{384, 1024}, {768, 768}, {768, 2048}, {2048, 768}, {384, 32000}})
    for (const int rows : {1, 4, 16, 32, 64, 85, 128, 256, 512, 2048})
      if (outputs < 4096 || rows <= 256)
        unpact::kernels::measure(inputs, outputs, rows, count > 1 ? std::atoi(arguments[1]) : 4);
}
