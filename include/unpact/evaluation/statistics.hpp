#pragma once
/// Rates with their counts and intervals: no rate is reported without them.
#include <cstdint>
#include <span>

#include "unpact/results/rate.hpp"

namespace unpact {

/// `count` / `total` with Wilson's score interval: E. B. Wilson, "Probable inference, the law of succession, and
/// statistical inference", J. Am. Stat. Assoc. 22 (1927). Its ends are the two roots in p of
///
///   (value - p)^2 = z^2 p (1 - p) / total,
///
/// so it stays inside [0, 1] and keeps its coverage for small totals and for rates near 0 or 1.
/// The rate has no name. @param z the normal quantile of the wanted coverage; the default is 95 %, two-sided.
/// Requires count <= total and a finite z >= 0.
Rate wilson_rate(std::uint64_t count, std::uint64_t total, double z = 1.959963984540054);

/// The arithmetic mean of the values that are not NaN, NaN when there is none. Infinities are values.
double mean_ignoring_nan(std::span<const double> values);

}  // namespace unpact
