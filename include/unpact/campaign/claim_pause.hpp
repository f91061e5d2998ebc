#pragma once
/// Pauses between looks at what somebody else holds.
#include <cstdint>

namespace unpact {

/// Short at first, then a share of what was waited already, so that waiting costs little more than what is waited for and the
/// looks grow rare; never two jobs in step. Up to a limit, which bounds what all jobs together ask of a file system.
class ClaimPause {
 public:
  /// @param seed another one for every group.
  explicit ClaimPause(std::uint64_t seed, double longest_seconds = 120, double shortest_seconds = 0.5)
      : seed_(seed), longest_(longest_seconds), shortest_(shortest_seconds) {}

  /// Seconds until the next look: a tenth of what was waited so far within the limits, give or take a fourth.
  double next();
  /// Between looks at whether others live: their beats move no sooner.
  static ClaimPause for_beats(std::uint64_t seed, double renew_seconds) { return ClaimPause(seed, 120, renew_seconds / 4); }

  /// Something was found: the next wait is a new one.
  void reset() { waited_ = 0; }

 private:
  std::uint64_t seed_, count_ = 0;
  double longest_, shortest_, waited_ = 0;
};

}  // namespace unpact
