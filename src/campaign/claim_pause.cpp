#include "unpact/campaign/claim_pause.hpp"

#include <algorithm>

#include "unpact/core/random.hpp"

namespace unpact {

double ClaimPause::next() {
  constexpr double kShare = 0.1, kSpread = 0.25;
  const double even = std::max(shortest_, std::min(kShare * waited_, longest_));
  const double pause = even * (1 + kSpread * (2 * random_uniform(seed_, stream_of("claim pause"), count_++) - 1));
  waited_ += pause;
  return pause;
}

}  // namespace unpact
