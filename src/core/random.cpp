#include "unpact/core/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::uint64_t mix(std::uint64_t z) {  // SplitMix64's finalizer
  z += 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  return mix(mix(mix(seed) ^ stream) ^ counter);
}

double random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  return static_cast<double>(random_bits(seed, stream, counter) >> 11) * 0x1.0p-53;
}

double random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  const double u = 1.0 - random_uniform(seed, stream, 2 * counter);  // in (0, 1], so that the logarithm is finite
  const double v = random_uniform(seed, stream, 2 * counter + 1);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::uint64_t random_below(std::uint64_t bound, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter) {
  UNPACT_EXPECT(bound > 0);
  // Multiply-shift (Lemire 2019); its bias is below bound / 2^64.
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(random_bits(seed, stream, counter)) * bound) >> 64);
}

std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream) {
  UNPACT_EXPECT(count >= 0);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_below(i, seed, stream, i)]);
  return order;
}

std::uint64_t stream_of(const char* name) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
  for (; *name != '\0'; ++name) hash = (hash ^ static_cast<unsigned char>(*name)) * 0x100000001B3ULL;
  return hash;
}

}  // namespace unpact
