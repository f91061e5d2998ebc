// The noise floor bounds what is seen when the engine in use scores the same thing in other ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/attribution_settings.hpp"
#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;
using testing_support::tiny_transformer;

Transformer half(const Transformer& model) {
  auto weights = clone_weights(model.weights());
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kBFloat16));
  return {model.config(), std::move(weights)};
}

AttributionTask task_of_seed(std::uint64_t seed) { return {random_ids(30, seed), 4, 28, random_ids(5, seed + 10)}; }

std::unique_ptr<AttributionMethod> method_of(const std::string& name, AttributionSettings settings) {
  return make_attribution_method(name, settings, 1, testing_support::ByteTokenizer());
}

std::unique_ptr<AttributionMethod> leave_one_out(EngineKind kind) {
  AttributionSettings settings;
  settings.engine = kind;
  return method_of("leave_one_out", settings);
}

/// The largest difference between LPs of the prompt and of the prompt without its first, middle or last candidate, by the
/// engine with all candidates and by one full pass each.
double seen_difference(const LeaveOneOutEngine& engine, const Transformer& model, const AttributionTask& task) {
  const auto by_engine = engine.run(model, task), by_passes = ReferenceEngine().run(model, task);
  double largest = 0;
  for (const std::size_t row : {std::size_t{0}, std::size_t{1}, 1 + task.candidates() / 2, task.candidates()}) {
    double difference = 0;
    for (std::size_t k = 0; k < task.answer.size(); ++k) {
      const auto at = row * task.answer.size() + k;
      difference += static_cast<double>(by_engine.log_probabilities[at]) - by_passes.log_probabilities[at];
    }
    largest = std::max(largest, std::abs(difference) / static_cast<double>(task.answer.size()));
  }
  return largest;
}

TEST(NoiseFloor, BoundsWhatTheEngineIsOffByInBfloat16) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto model = half(tiny_transformer(seed));
    const auto task = task_of_seed(seed);
    const double seen = seen_difference(SharedPrefixEngine(), model, task);
    const double noise = measure_noise_floor(*leave_one_out(EngineKind::shared_prefix), model, task);
    EXPECT_GT(seen, 1e-4) << "nats: 8 bits of precision, else the comparison says nothing";
    EXPECT_GE(noise, seen * (1 - 1e-6)) << seed;
    EXPECT_LT(noise, 0.5) << "nats, of log-probabilities of a few nats";
  }
}

TEST(NoiseFloor, IsSmallInFloat32) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto model = tiny_transformer(seed);
    const auto task = task_of_seed(seed);
    const double noise = measure_noise_floor(*leave_one_out(EngineKind::shared_prefix), model, task);
    EXPECT_GE(noise, seen_difference(SharedPrefixEngine(), model, task) * (1 - 1e-6));
    EXPECT_GT(noise, 0);
    EXPECT_LT(noise, 2e-5) << "nats; float32 sums in another order";
  }
}

TEST(NoiseFloor, OfTheReferenceEngineBoundsTheOtherEngine) {
  const auto model = half(tiny_transformer(1));
  AttributionTask task = task_of_seed(1);
  // The same three removals that are measured, by the shared-prefix engine in one pass.
  task.candidate_begin = 25;
  const double seen = seen_difference(SharedPrefixEngine(), model, task);
  EXPECT_GT(seen, 1e-4);
  EXPECT_GE(measure_noise_floor(*leave_one_out(EngineKind::reference), model, task), seen * (1 - 1e-6));
}

TEST(NoiseFloor, OfEveryMethodIsMeasured) {
  const auto plain = tiny_transformer(2), rough = half(plain);
  for (const auto& name : testing_support::methods_of_ids()) {
    const auto method = method_of(name, testing_support::small_settings(name));
    EXPECT_GT(measure_noise_floor(*method, rough, task_of_seed(2)), 1e-5) << name;
    EXPECT_LT(measure_noise_floor(*method, plain, task_of_seed(2)), 2e-5) << name;
    for (const auto& scores : method->equal_scores(plain, task_of_seed(2))) EXPECT_GE(scores.size(), 4U) << name;
  }
}

TEST(NoiseFloor, OfAPromptOfTwoTokens) {
  EXPECT_LT(measure_noise_floor(*leave_one_out(EngineKind::shared_prefix), tiny_transformer(1), {{1, 2}, 1, 2, {3}}), 2e-5);
}

TEST(NoiseFloor, NeedsATask) {
  for (const auto& name : testing_support::methods_of_ids())
    EXPECT_THROW(measure_noise_floor(*method_of(name, testing_support::small_settings(name)), tiny_transformer(1),
                                     {{1, 2}, 1, 2, {}}),
                 UserError)
        << name;
}

}  // namespace
}  // namespace unpact
