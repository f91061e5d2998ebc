#pragma once
/// Whether others are at something just now, at little cost.
#include <cstdint>
#include <map>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// In a round of questions the folder of claims is read once, and two claims are looked into: by turns, so that everybody that
/// has died is found in time, whatever others hold. Used by the root of a group.
class BusyWatch {
 public:
  /// The claims must outlive it.
  explicit BusyWatch(Claims& claims) : claims_(claims) {}

  void begin_round();

  /// Whether somebody holds the claim and is not known to be gone.
  bool is_busy(const std::string& name);

 private:
  static constexpr std::uint64_t kLooks = 2;
  Claims& claims_;
  ClaimsListing listing_;
  std::map<std::string, std::uint64_t> looked_;  ///< the round in which it was looked into
  std::uint64_t round_ = 0, looks_ = 0, busy_ = 0, turn_ = 1;
};

}  // namespace unpact
