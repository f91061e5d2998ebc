#include "fill.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <iostream>

#include "unpact/core/clock.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/random.hpp"
#include "unpact/kernels/training_bits.hpp"
#include "unpact/unlearn/frozen_rows.hpp"

namespace unpact::bench {
namespace {

constexpr std::int64_t kPaddedTokensAPass = 8192;

/// Every second target of an example counts, as in an answer after its question.
Examples mixed(std::int64_t count, std::uint64_t shortest, std::uint64_t longest, std::int64_t vocabulary) {
  auto examples = std::make_shared<std::vector<Example>>();
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
    Example example;
    const auto length = shortest + random_below(longest - shortest + 1, 1, i, 0);
    for (std::uint64_t t = 0; t < length; ++t) {
      example.ids.push_back(static_cast<TokenId>(random_below(static_cast<std::uint64_t>(vocabulary), 2, i, t)));
      example.has_loss.push_back(2 * t >= length ? 1 : 0);
    }
    examples->push_back(std::move(example));
  }
  return examples;
}

using Passes = std::vector<std::vector<std::int64_t>>;

Passes padded_passes(const std::vector<Example>& examples) {
  Passes passes;
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(examples.size()); ++i) {
    longest = std::max(longest, example_length(examples, i));
    const bool fits = !passes.empty() && longest * static_cast<std::int64_t>(passes.back().size() + 1) <= kPaddedTokensAPass;
    if (!fits) {
      passes.emplace_back();
      longest = example_length(examples, i);
    }
    passes.back().push_back(i);
  }
  return passes;
}

/// One value a target, example after example, whatever the order of the passes.
at::Tensor fill(const Transformer& model, const std::vector<Example>& examples, const Passes& passes, bool packed) {
  const c10::NoGradGuard guard;
  const TrainingBits bits;
  std::vector<at::Tensor> by_example(examples.size());
  for (const auto& pass : passes) {
    const auto values = example_log_probabilities(model, make_batch(examples, {pass, packed}, model.device())).cpu();
    std::int64_t first = 0;
    for (const auto i : pass) {
      const auto targets = examples[static_cast<std::size_t>(i)].targets();
      by_example[static_cast<std::size_t>(i)] = values.narrow(0, first, targets);
      first += targets;
    }
  }
  return at::cat(by_example);
}

struct Run {
  at::Tensor values;
  std::vector<double> cpu, wall;
};

void time_one(Run& run, const std::function<at::Tensor()>& body) {
  const auto begin = std::clock();
  const Stopwatch clock;
  run.values = body();
  run.cpu.push_back(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  run.wall.push_back(clock.seconds());
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure_set(const char* name, const Transformer& model, const Examples& examples, std::int64_t rounds) {
  Run padded, packed;
  for (std::int64_t round = 0; round <= rounds; ++round) {  // the first warms up
    if (round == 1) padded = packed = {};
    time_one(padded, [&] { return fill(model, *examples, padded_passes(*examples), false); });
    time_one(packed, [&] { return fill(model, *examples, frozen_passes(*examples), true); });
  }
  Json line;
  line["fill"] = name;
  line["examples"] = examples->size();
  line["passes"] = frozen_passes(*examples).size();
  line["padded_cpu_s"] = median(padded.cpu);
  line["packed_cpu_s"] = median(packed.cpu);
  line["cpu_ratio"] = median(padded.cpu) / median(packed.cpu);
  line["wall_ratio"] = median(padded.wall) / median(packed.wall);
  line["largest_difference"] = (padded.values - packed.values).abs().max().item<double>();
  line["threads"] = at::get_num_threads();
  std::cout << line.dump() << std::endl;
}

}  // namespace

void measure_fill(const Transformer& model, std::int64_t rounds) {
  const auto vocabulary = model.config().vocabulary_size;
  measure_set("questions", model, mixed(200, 8, 64, vocabulary), rounds);
  measure_set("texts", model, mixed(40, 64, 512, vocabulary), rounds);
}

}  // namespace unpact::bench
