#include "unpact/campaign/busy_watch.hpp"

namespace unpact {

void BusyWatch::begin_round() {
  listing_ = claims_.recent_look();
  turn_ = (busy_ + kLooks - 1) / kLooks;  // rounds until all were looked into
  ++round_;
  looks_ = busy_ = 0;
}

bool BusyWatch::is_busy(const std::string& name) {
  if (!listing_.is_held(name)) return false;
  ++busy_;
  const auto last = looked_.find(name);
  const bool is_its_turn = last == looked_.end() || round_ - last->second >= turn_;
  if (!is_its_turn || looks_ == kLooks) return true;
  ++looks_;
  looked_[name] = round_;
  const auto seen = claims_.watch(name, listing_);
  return seen.is_held && !seen.is_stale;
}

}  // namespace unpact
