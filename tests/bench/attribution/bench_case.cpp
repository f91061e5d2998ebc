#include "bench_case.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>

#include "bench/random_model.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/json.hpp"
#include "unpact/kernels/linear.hpp"

namespace unpact {
namespace {

ModelConfig shape(std::int64_t hidden, std::int64_t inner, std::int64_t layers, std::int64_t heads, std::int64_t groups,
                  std::int64_t vocabulary) {
  ModelConfig c;
  c.vocabulary_size = vocabulary;
  c.hidden_size = hidden;
  c.intermediate_size = inner;
  c.layers = layers;
  c.heads = heads;
  c.key_value_heads = groups;
  c.head_dim = hidden / heads;
  c.max_positions = 4096;
  c.bos_id = 1;
  c.tied_embeddings = false;
  return c;
}

/// 25m and 110m: small Llamas; 1b, 7b, 8b: the shapes of Llama-3.2-1B, Llama-2-7B and Llama-3.1-8B.
ModelConfig config_of(const std::string& name) {
  if (name == "25m") return shape(384, 1024, 6, 6, 6, 20000);
  if (name == "110m") return shape(768, 2048, 12, 12, 12, 16000);
  if (name == "1b") {
    auto c = shape(2048, 8192, 16, 32, 8, 128256);
    c.tied_embeddings = true;
    return c;
  }
  if (name == "7b") return shape(4096, 11008, 32, 32, 32, 32000);
  if (name == "8b") return shape(4096, 14336, 32, 32, 8, 128256);
  return read_model_config(name);
}

/// Multiply-add operations a second of X W^T for X of `rows` rows, best of several, by LibTorch's library or the project's choice of
/// products, whichever is faster. Of CPU time on a CPU.
double gemm_rate(const Transformer& model, std::int64_t rows, std::int64_t outputs, std::int64_t inputs) {
  const c10::InferenceMode guard;
  const auto options = model.weights().embedding_VD.options();
  const auto x = at::randn({rows, inputs}, options), w = at::randn({outputs, inputs}, options);
  double best = 0;
  for (int repeat = 0; repeat < 6; ++repeat) {
    const int times = std::max<int>(1, static_cast<int>(4e9 / (2.0 * rows * outputs * inputs)));
    for (const bool chosen : {false, true}) {
      synchronize(model.device());
      const CpuStopwatch cpu;
      const Stopwatch clock;
      for (int i = 0; i < times; ++i) chosen ? kernels::linear(x, {w, {}}) : at::linear(x, w);
      synchronize(model.device());
      const double seconds = model.device().is_cpu() ? cpu.seconds() : clock.seconds();
      best = std::max(best, 2.0 * rows * outputs * inputs * times / seconds);
    }
  }
  return best;
}

}  // namespace

Transformer make_model(const Case& c) {
  const auto config = config_of(c.model);
  const auto dtype = c.dtype == "bf16" ? at::kBFloat16 : at::kFloat;
  const c10::Device device(c.device);
  if (c.model.find('/') != std::string::npos) {
    LoadOptions options;
    options.dtype = dtype;
    return {config, load_weights(config, c.model, device, options)};
  }
  return bench::random_model(config, at::TensorOptions(device).dtype(dtype));
}

void synchronize(const c10::Device& device) {
  if (!device.is_cpu()) at::zeros({1}, at::TensorOptions().device(device)).item<float>();
}

double bound_operations(const ModelConfig& m, const Case& c, bool context_is_known) {
  const double D = m.hidden_size, Hd = m.heads * m.head_dim, Gd = m.key_value_heads * m.head_dim, F = m.intermediate_size;
  const double queries = D * Hd, keys_values = 2 * D * Gd, rest = Hd * D + (m.block.mlp == MlpKind::gated ? 3 : 2) * D * F;
  const double n = c.n, T = c.T, C = c.context, L = m.layers;
  const double base = (context_is_known ? 0 : C) + n + T - 1, removals = n * (n - 1) / 2 + n * (T - 1),
               rows = base + removals;
  const double scored = T * (n + 1), tokens = (context_is_known ? 0 : C) + n + T - 1;
  const double inner_layers = (L - 1) * rows * (queries + keys_values + rest) - (rows - tokens) * (queries + keys_values);
  const double last_layer = rows * keys_values + scored * (queries + rest);
  double pairs = 0;  // (query, key) pairs of one block
  const auto run = [&](double first, double count) { return count * first + count * (count + 1) / 2; };
  pairs += context_is_known ? run(C, n + T - 1) : run(0, C + n + T - 1);
  for (double i = 1; i <= n; ++i) pairs += run(C + i - 1, n - i + T - 1);
  const double scored_pairs = scored * (C + n + T / 2);
  return 2 * (inner_layers + last_layer + D * static_cast<double>(m.vocabulary_size) * scored) +
         4 * Hd * ((L - 1) * pairs + scored_pairs);
}

void report_gemm(const Case& c, const Transformer& model) {
  const auto& m = model.config();
  const std::int64_t rows = 2048;
  Json json = {{"what", "gemm"}, {"model", c.model}, {"dtype", c.dtype}, {"threads", at::get_num_threads()}, {"rows", rows}};
  json["rates"] = {{"projection", gemm_rate(model, rows, m.heads * m.head_dim, m.hidden_size)},
                   {"up", gemm_rate(model, rows, m.intermediate_size, m.hidden_size)},
                   {"down", gemm_rate(model, rows, m.hidden_size, m.intermediate_size)},
                   {"square", gemm_rate(model, 2048, 2048, 2048)}};
  std::cout << json.dump() << std::endl;
}

}  // namespace unpact
