#pragma once
/// Between two looks at what other ranks do; private to this layer.
#include "unpact/core/clock.hpp"

namespace unpact::backend {

/// One wait: looks follow each other at once for a moment, so that what is quick stays quick; then with pauses that are a
/// small share of the time waited, at most 20 ms. A rank that waits long needs no core that others could compute on.
class Pause {
 public:
  explicit Pause(double spin_seconds) : spin_seconds_(spin_seconds) {}
  void next() const;

 private:
  double spin_seconds_;
  Stopwatch watch_;
};

/// For ranks to come, which may have other work.
inline constexpr double kSpinForRanks = 1e-3;
/// For data under way, which both sides move by looking.
inline constexpr double kSpinForData = 1;
/// For a device, which works on by itself.
inline constexpr double kSpinForDevice = 1e-2;

}  // namespace unpact::backend
