#include "unpact/core/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

TEST(Random, DependsOnSeedStreamAndCounterAlone) {
  EXPECT_EQ(random_bits(1, 2, 3), random_bits(1, 2, 3));
  std::set<std::uint64_t> values;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    for (std::uint64_t stream = 0; stream < 10; ++stream)
      for (std::uint64_t counter = 0; counter < 10; ++counter) values.insert(random_bits(seed, stream, counter));
  EXPECT_EQ(values.size(), 1000u);
}

TEST(Random, DrawOrderDoesNotMatter) {
  std::vector<double> forward, backward;
  for (std::uint64_t c = 0; c < 100; ++c) forward.push_back(random_uniform(7, 1, c));
  for (std::uint64_t c = 100; c-- > 0;) backward.push_back(random_uniform(7, 1, c));
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
}

TEST(Random, EveryInputBitMovesHalfOfTheOutput) {
  for (int argument = 0; argument < 3; ++argument) {
    double flipped = 0;
    for (int bit = 0; bit < 64; ++bit) {
      const std::uint64_t mask = 1ULL << bit;
      const auto changed =
          random_bits(11 ^ (argument == 0 ? mask : 0), 22 ^ (argument == 1 ? mask : 0), 33 ^ (argument == 2 ? mask : 0));
      flipped += std::popcount(changed ^ random_bits(11, 22, 33));
    }
    EXPECT_NEAR(flipped / 64, 32.0, 3.0) << "argument " << argument;  // 6 standard deviations
  }
}

TEST(Random, UniformLooksUniform) {
  constexpr int kDraws = 100000, kBins = 20;
  double sum = 0, squares = 0;
  std::vector<int> bins(kBins);
  for (int c = 0; c < kDraws; ++c) {
    const double u = random_uniform(3, 4, static_cast<std::uint64_t>(c));
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
    ++bins[static_cast<std::size_t>(u * kBins)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 5 / std::sqrt(12.0 * kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * 0.3 / std::sqrt(kDraws));
  for (const int bin : bins) EXPECT_NEAR(bin, kDraws / kBins, 5 * std::sqrt(kDraws / kBins));
}

TEST(Random, NormalLooksNormal) {
  constexpr int kDraws = 100000;
  double sum = 0, squares = 0, fourth = 0;
  int inside = 0;
  for (int c = 0; c < kDraws; ++c) {
    const double x = random_normal(3, 4, static_cast<std::uint64_t>(c));
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
    inside += std::abs(x) < 1;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.016);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.023);
  EXPECT_NEAR(fourth / kDraws, 3.0, 0.16);
  EXPECT_NEAR(static_cast<double>(inside) / kDraws, 0.6827, 0.008);
}

TEST(Random, BelowCoversItsRange) {
  std::vector<int> counts(7);
  for (std::uint64_t c = 0; c < 70000; ++c) {
    const auto value = random_below(7, 1, 2, c);
    ASSERT_LT(value, 7u);
    ++counts[value];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random_below(1, 1, 2, 3), 0u);
  EXPECT_LT(random_below(~0ULL, 1, 2, 3), ~0ULL);
  EXPECT_THROW(random_below(0, 1, 2, 3), ContractViolation);
}

TEST(Random, PermutationsHoldEveryIndexOnce) {
  for (const std::int64_t count : {0, 1, 2, 3, 100, 1000}) {
    auto order = random_permutation(count, 5, 6);
    ASSERT_EQ(order.size(), static_cast<std::size_t>(count));
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(order[static_cast<std::size_t>(i)], i);
  }
  EXPECT_THROW(random_permutation(-1, 5, 6), ContractViolation);
}

TEST(Random, PermutationsAreReproducibleAndFair) {
  EXPECT_EQ(random_permutation(50, 5, 6), random_permutation(50, 5, 6));
  EXPECT_NE(random_permutation(50, 5, 6), random_permutation(50, 5, 7));
  EXPECT_NE(random_permutation(50, 5, 6), random_permutation(50, 6, 6));
  std::vector<std::vector<int>> counts(4, std::vector<int>(4));  // [place][value]
  for (std::uint64_t stream = 0; stream < 24000; ++stream) {
    const auto order = random_permutation(4, 1, stream);
    for (std::size_t place = 0; place < 4; ++place) ++counts[place][static_cast<std::size_t>(order[place])];
  }
  for (const auto& row : counts)
    for (const int count : row) EXPECT_NEAR(count, 6000, 5 * std::sqrt(24000 * 0.25 * 0.75));
}

TEST(Random, StreamsOfNamesAreStableAndDiffer) {
  EXPECT_EQ(stream_of(""), 0xCBF29CE484222325ULL);  // FNV-1a's published vectors
  EXPECT_EQ(stream_of("a"), 0xAF63DC4C8601EC8CULL);
  EXPECT_EQ(stream_of("foobar"), 0x85944171F73967E8ULL);
}

}  // namespace
}  // namespace unpact
