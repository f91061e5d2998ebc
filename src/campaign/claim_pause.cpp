#include "unpact/campaign/claim_pause.hpp"

#include <algorithm>

#include "unpact/core/random.hpp"

namespace unpact {

double ClaimPause::next() {
  constexpr double kShortest = 0.5, kShare = 0.1, kDoubled = 8, kLongest = 120, kSpread = 0.25;
  double even = std::max(std::min(waited_, kDoubled), std::min(kShare * waited_, kLongest));
  even = std::max(even, 1.4 * beat_);  // a fourth less is still more than a beat
  even = std::max(even, kShortest);
  const double pause = even * (1 + kSpread * (2 * random_uniform(seed_, stream_of("claim pause"), count_++) - 1));
  waited_ += pause;
  return pause;
}

}  // namespace unpact
