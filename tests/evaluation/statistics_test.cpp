#include "unpact/evaluation/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

TEST(WilsonRate, GivesAPublishedExample) {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I, method 3.
  const auto rate = wilson_rate(81, 263);
  EXPECT_DOUBLE_EQ(rate.value, 81.0 / 263);
  EXPECT_NEAR(rate.low, 0.2553, 5e-5);
  EXPECT_NEAR(rate.high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson_rate(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson_rate(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson_rate(1, 29).high, 0.1718, 5e-5);
}

TEST(WilsonRate, SaysNothingAboutNothing) {
  const auto rate = wilson_rate(0, 0);
  EXPECT_TRUE(std::isnan(rate.value));
  EXPECT_EQ(rate.low, 0);
  EXPECT_EQ(rate.high, 1);
}

TEST(WilsonRate, StaysInsideItsBounds) {
  EXPECT_EQ(wilson_rate(0, 7).low, 0);
  EXPECT_EQ(wilson_rate(7, 7).high, 1);
  for (std::uint64_t total = 1; total <= 60; ++total) {
    for (std::uint64_t count = 0; count <= total; ++count) {
      const auto rate = wilson_rate(count, total), mirrored = wilson_rate(total - count, total);
      EXPECT_LE(0, rate.low);
      EXPECT_LE(rate.low, rate.value);
      EXPECT_LE(rate.value, rate.high);
      EXPECT_LE(rate.high, 1);
      EXPECT_NEAR(rate.low, 1 - mirrored.high, 1e-12);
    }
  }
}

TEST(WilsonRate, NarrowsToThePointWithoutWidth) {
  const auto rate = wilson_rate(3, 10, 0);
  EXPECT_EQ(rate.low, 0.3);
  EXPECT_EQ(rate.high, 0.3);
}

TEST(WilsonRate, RefusesImpossibleCounts) {
  EXPECT_THROW(wilson_rate(2, 1), ContractViolation);
  EXPECT_THROW(wilson_rate(1, 2, -1), ContractViolation);
  EXPECT_THROW(wilson_rate(1, 2, std::nan("")), ContractViolation);
}

TEST(WilsonRate, SolvesTheScoreEquation) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/wilson.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  for (const auto& row : read_json_file(path)) {
    const auto rate = wilson_rate(row[0].get<std::uint64_t>(), row[1].get<std::uint64_t>(), row[2].get<double>());
    EXPECT_NEAR(rate.low, row[3].get<double>(), 1e-12) << row;
    EXPECT_NEAR(rate.high, row[4].get<double>(), 1e-12) << row;
  }
}

TEST(MeanIgnoringNan, LeavesOutMissingValues) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_DOUBLE_EQ(mean_ignoring_nan(std::vector{1.0, nan, 2.0, nan, 6.0}), 3.0);
  EXPECT_EQ(mean_ignoring_nan(std::vector{infinity, 1.0}), infinity);
  EXPECT_TRUE(std::isnan(mean_ignoring_nan(std::vector{nan, nan})));
  EXPECT_TRUE(std::isnan(mean_ignoring_nan({})));
}

}  // namespace
}  // namespace unpact
