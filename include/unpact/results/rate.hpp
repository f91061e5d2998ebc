#pragma once
/// A share of a count: no rate is reported without its counts and its interval.
#include <cstdint>
#include <string>

namespace unpact {

/// `value` = count / total with its 95 % Wilson interval [low, high]; NaN and [0, 1] when total is 0.
struct Rate {
  std::string name;
  std::uint64_t count = 0, total = 0;
  double value = 0, low = 0, high = 0;
};

}  // namespace unpact
