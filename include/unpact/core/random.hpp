#pragma once
/// Counter-based random numbers: a value depends on (seed, stream, counter) alone, never on how many were drawn
/// before or by which rank. This is what makes sampling independent of the number of ranks.
#include <cstdint>
#include <vector>

namespace unpact {

/// Well-mixed 64 bits (two rounds of SplitMix64's finalizer, Steele et al. 2014).
std::uint64_t random_bits(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

/// Uniform in [0, 1) with 53 bits.
double random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

/// Standard normal (Box-Muller on counters 2c and 2c+1).
double random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

/// Uniform in [0, bound), bound > 0.
std::uint64_t random_below(std::uint64_t bound, std::uint64_t seed, std::uint64_t stream, std::uint64_t counter);

/// A permutation of 0..count-1 (Fisher-Yates).
std::vector<std::int64_t> random_permutation(std::int64_t count, std::uint64_t seed, std::uint64_t stream);

/// A stable stream number for a name, so that purposes do not share random numbers.
std::uint64_t stream_of(const char* name);

}  // namespace unpact
