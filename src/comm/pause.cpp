#include "pause.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace unpact::backend {

void Pause::next() const {
  constexpr double kShare = 1.0 / 256, kShortest = 50e-6, kLongest = 20e-3;
  const double waited = watch_.seconds();
  if (waited < spin_seconds_) sched_yield();  // ranks may share a core
  else std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(waited * kShare, kShortest, kLongest)));
}

}  // namespace unpact::backend
