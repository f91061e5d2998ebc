#include "src/kernels/choose/forms.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unpact/core/random.hpp"

namespace unpact::kernels {
namespace {

/// Rows of unequal spread.
at::Tensor some_logits(std::int64_t rows, std::int64_t vocabulary) {
  at::manual_seed(3);
  return at::randn({rows, vocabulary}) * at::arange(1, rows + 1).unsqueeze(1) * 0.7;
}

std::vector<double> uniforms(std::size_t count, std::uint64_t seed = 5) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(random_uniform(seed, 0, i));
  return values;
}

/// The definition in double: tokens outside the nucleus are 0, the rest in the order of ids.
std::int64_t drawn_by_definition(const at::Tensor& logits_V, double uniform, double temperature, double top_p) {
  const auto p = (logits_V.to(at::kDouble) / temperature).softmax(0);
  const auto [sorted, ids] = p.sort(0, true);
  const auto mass = sorted.cumsum(0);
  const auto kept = std::min<std::int64_t>((mass < top_p).sum().item<std::int64_t>() + 1, p.numel());
  const auto nucleus = at::zeros_like(p).index_copy(0, ids.narrow(0, 0, kept), sorted.narrow(0, 0, kept));
  const auto below = nucleus.cumsum(0);
  return (below <= uniform * below[-1]).sum().item<std::int64_t>();
}

TEST(ChooseTokens, TheLikeliestAreTheFirstOfTheLargest) {
  auto logits = some_logits(5, 3000);
  logits[2][7] = logits[2][2999] = 50.0;
  const auto expected = logits.argmax(1);
  const auto log_p = logits.log_softmax(1);
  for (const auto& chosen : {cpu::likeliest_tokens(logits.clone()), reference::likeliest_tokens(logits)}) {
    for (std::int64_t r = 0; r < 5; ++r) {
      EXPECT_EQ(chosen.ids[static_cast<std::size_t>(r)], r == 2 ? 7 : expected[r].item<std::int64_t>());
      EXPECT_NEAR(chosen.log_probabilities[static_cast<std::size_t>(r)], log_p[r].max().item<float>(), 2e-6);
    }
  }
}

TEST(ChooseTokens, DrawsAreThoseOfTheDefinition) {
  for (const std::int64_t vocabulary : {5, 1024, 3001}) {
    const auto logits = some_logits(6, vocabulary);
    for (const double temperature : {0.5, 1.0, 2.0}) {
      for (const double top_p : {1e-9, 0.3, 0.9, 1.0}) {
        const Draws draws{uniforms(6), temperature, top_p};
        for (const auto& chosen : {cpu::drawn_tokens(logits.clone(), draws), reference::drawn_tokens(logits, draws)}) {
          for (std::int64_t r = 0; r < 6; ++r) {
            const auto id = chosen.ids[static_cast<std::size_t>(r)];
            EXPECT_EQ(id, drawn_by_definition(logits[r], draws.uniforms[static_cast<std::size_t>(r)], temperature, top_p))
                << vocabulary << ", " << temperature << ", " << top_p << ", " << r;
            EXPECT_NEAR(chosen.log_probabilities[static_cast<std::size_t>(r)], logits[r].log_softmax(0)[id].item<float>(),
                        1e-5);
          }
        }
      }
    }
  }
}

TEST(ChooseTokens, ARowsDrawDoesNotDependOnTheOthers) {
  const auto logits = some_logits(6, 2000);
  const auto all = uniforms(6);
  const auto together = drawn_tokens(logits.clone(), {all, 0.9, 0.8});
  for (std::size_t r = 0; r < 6; ++r) {
    const auto alone = drawn_tokens(logits.narrow(0, static_cast<std::int64_t>(r), 1).clone(), {{all[r]}, 0.9, 0.8});
    EXPECT_EQ(alone.ids.front(), together.ids[r]);
    EXPECT_EQ(alone.log_probabilities.front(), together.log_probabilities[r]);
  }
}

TEST(ChooseTokens, NeverDrawWhatIsImpossible) {
  auto logits = at::full({1, 2500}, -std::numeric_limits<float>::infinity());
  logits[0][3] = logits[0][2100] = 0.0F;
  for (const double uniform : {0.0, 0.3, 0.6, std::nextafter(1.0, 0.0)}) {
    for (const double top_p : {0.7, 1.0}) {
      const Draws draws{{uniform}, 1.0, top_p};
      const std::int64_t expected = uniform < 0.5 ? 3 : 2100;
      EXPECT_EQ(cpu::drawn_tokens(logits.clone(), draws).ids.front(), expected) << uniform;
      EXPECT_EQ(reference::drawn_tokens(logits, draws).ids.front(), expected) << uniform;
    }
  }
}

TEST(ChooseTokens, WhatIsNotFiniteShows) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    auto logits = some_logits(1, 40);
    logits[0][9] = bad;
    EXPECT_FALSE(std::isfinite(likeliest_tokens(logits.clone()).log_probabilities.front()));
    EXPECT_FALSE(std::isfinite(drawn_tokens(logits.clone(), {{0.5}, 1.0, 0.9}).log_probabilities.front()));
    EXPECT_FALSE(std::isfinite(reference::likeliest_tokens(logits).log_probabilities.front()));
  }
}

}  // namespace
}  // namespace unpact::kernels
