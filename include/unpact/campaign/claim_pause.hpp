#pragma once
/// Pauses between looks at what somebody else holds.
#include <cstdint>

namespace unpact {

/// Short at first, doubling, then a share of what was waited already, so that waiting costs little more than what is waited for
/// and the looks grow rare; never two jobs in step. Up to a limit, which bounds what all jobs together ask of a file system.
class ClaimPause {
 public:
  /// @param seed another one for every group.
  explicit ClaimPause(std::uint64_t seed) : seed_(seed) {}

  /// Between looks at whether others live: no sooner than their beats move.
  static ClaimPause for_beats(std::uint64_t seed, double renew_seconds) {
    ClaimPause pause(seed);
    pause.beat_ = renew_seconds;
    return pause;
  }

  /// Seconds until the next look, give or take a fourth.
  double next();

  /// Something was found: the next wait is a new one.
  void reset() { waited_ = 0; }

 private:
  std::uint64_t seed_, count_ = 0;
  double beat_ = 0, waited_ = 0;
};

}  // namespace unpact
