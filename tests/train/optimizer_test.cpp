#include "unpact/train/optimizer.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::Expected;
using testing_support::message_of;
using testing_support::parity;

/// All parameters of the fixture one behind the other: the optimizer works on one flat vector.
at::Tensor flat(const Expected& fixture, const Json& settings, const std::string& prefix) {
  std::vector<at::Tensor> parts;
  for (const auto& name : settings["parameters"]) parts.push_back(fixture[prefix + name.get<std::string>()].flatten());
  return at::cat(parts);
}

TEST(AdamW, TenStepsAreThoseOfPyTorch) {
  UNPACT_NEED_PARITY("adamw.safetensors");
  const Expected fixture("adamw.safetensors");
  const auto settings = read_json_file(parity("adamw.json"));
  AdamWOptions options{settings["betas"][0], settings["betas"][1], settings["eps"], settings["weight_decay"]};
  auto values = flat(fixture, settings, "init.");
  AdamW optimizer(values, options);
  for (int step = 0; step < settings["steps"]; ++step) {
    optimizer.step(values, flat(fixture, settings, concat("grad.", step, ".")), settings["lr"]);
    // A step moves a value by up to 1e-3; only the rounding of float32 values of about 1 may differ.
    expect_close(values, flat(fixture, settings, concat("param.", step, ".")), 1e-6, concat("step ", step));
  }
}

TEST(AdamW, DecaysWithoutGradient) {
  auto values = at::tensor({2.0F, -4.0F});
  AdamW(values, {0.9, 0.999, 1e-8, 0.1}).step(values, at::zeros({2}), 0.5);
  expect_close(values, at::tensor({1.9F, -3.8F}), 1e-6, "values");
}

TEST(AdamW, TheFirstStepIsTheLearningRate) {
  auto values = at::zeros({3});
  AdamW(values, {}).step(values, at::tensor({1e-3F, -5.0F, 0.0F}), 0.25);
  expect_close(values, at::tensor({-0.25F, 0.25F, 0.0F}), 1e-5, "values");
}

TEST(ClipGradientNorm, IsThatOfPyTorch) {
  UNPACT_NEED_PARITY("adamw.safetensors");
  const Expected fixture("adamw.safetensors");
  const auto settings = read_json_file(parity("adamw.json"));
  for (const auto* limit : {"tight", "loose"}) {
    auto gradients = flat(fixture, settings, "grad.0.");
    const double norm = clip_gradient_norm(gradients, settings["clip"][limit]);
    EXPECT_NEAR(norm, fixture.scalar("clip.norm"), 1e-6 * norm);
    expect_close(gradients, flat(fixture, settings, concat("clip.", limit, ".")), 1e-7, limit);
  }
}

TEST(ClipGradientNorm, ZeroMeansNever) {
  auto gradients = at::tensor({30.0F, 40.0F});
  EXPECT_FLOAT_EQ(clip_gradient_norm(gradients, 0), 50);
  EXPECT_TRUE(at::equal(gradients, at::tensor({30.0F, 40.0F})));
  EXPECT_FLOAT_EQ(clip_gradient_norm(gradients, 5), 50);
  EXPECT_NEAR(gradients.norm().item<double>(), 5, 1e-5);
}

TEST(ClipGradientNorm, LeavesWhatIsNotFiniteToBeFound) {
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    auto gradients = at::tensor({1.0F, value, 2.0F});
    EXPECT_FALSE(std::isfinite(clip_gradient_norm(gradients, 1)));
    EXPECT_EQ(gradients[0].item<float>(), 1.0F);
  }
}

TEST(ClipGradientNorm, NothingStaysNothing) {
  auto gradients = at::zeros({4});
  EXPECT_EQ(clip_gradient_norm(gradients, 1), 0);
  EXPECT_TRUE(at::equal(gradients, at::zeros({4})));
}

TEST(Schedule, FactorsAreThoseOfTransformers) {
  UNPACT_NEED_PARITY("schedules.json");
  for (const auto& entry : read_json_file(parity("schedules.json"))) {
    const auto name = entry["name"].get<std::string>();
    const auto schedule = parse_schedule(name == "constant_with_warmup" ? "constant" : name);
    for (std::size_t step = 0; step < entry["factor"].size(); ++step)
      EXPECT_NEAR(schedule_factor(schedule, static_cast<std::int64_t>(step), entry["warmup"], entry["total"]),
                  entry["factor"][step].get<double>(), 1e-12)
          << entry["name"] << " step " << step;
  }
}

TEST(Schedule, FallsToZeroAtTheEnd) {
  EXPECT_EQ(schedule_factor(Schedule::linear, 10, 2, 10), 0.0);
  EXPECT_EQ(schedule_factor(Schedule::linear, 50, 2, 10), 0.0);
  EXPECT_NEAR(schedule_factor(Schedule::cosine, 10, 2, 10), 0.0, 1e-12);
  EXPECT_EQ(schedule_factor(Schedule::constant, 50, 2, 10), 1.0);
}

TEST(Schedule, SurvivesAWarmUpLongerThanTheTraining) {
  for (const auto schedule : {Schedule::constant, Schedule::linear, Schedule::cosine}) {
    EXPECT_EQ(schedule_factor(schedule, 3, 20, 10), 0.15);
    EXPECT_TRUE(std::isfinite(schedule_factor(schedule, 20, 20, 10)));
  }
}

TEST(Schedule, NamesTheKnownOnes) {
  EXPECT_THAT(message_of<UserError>([] { parse_schedule("cosin"); }),
              AllOf(HasSubstr("'cosin'"), HasSubstr("constant, linear or cosine")));
}

}  // namespace
}  // namespace unpact
