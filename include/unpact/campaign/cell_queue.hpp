#pragma once
/// In which order a group takes cells beside any number of others. Used by the root of a group; no waiting happens here.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// The first free cell is taken: the costliest come first. Where others take it at the same moment, one of the first two is
/// tried, then one of the first four, and so on, by chance: a thousand groups that begin at once hardly meet more than ten
/// times each. One look at the folder of claims serves for all cells.
///
/// When nothing is free, a few of the claims that others hold are watched, by chance. The stale are taken over. When all of
/// the few are seen to live, the group leaves everything to them: whoever of them ends last finds only what the dead left.
class CellQueue {
 public:
  /// Whether a cell needs nothing any more: it is finished, or failed and not to be tried again.
  using IsSettled = std::function<bool(std::size_t)>;

  enum class Found {
    ours,   ///< the claim is held
    wait,   ///< claims are left of which nobody can tell yet whether their holders live
    empty,  ///< nothing: done, or left to others that live
  };
  struct Next {
    Found found = Found::empty;
    std::size_t cell = 0;
    std::optional<Claim> claim = {};
  };

  /// @param ids the names of the cells, in order. @param seed another one for every group. The claims must outlive it.
  CellQueue(Claims& claims, std::vector<std::string> ids, std::uint64_t seed);

  /// @param may_be_settled of free cells, by what a reading of the folder shows; only where it says so `is_settled` looks
  /// before a cell is claimed. @throws RuntimeFailure when the folder of claims cannot be used.
  Next next(const IsSettled& may_be_settled, const IsSettled& is_settled);

  /// Cells that are left to other jobs, with who does them, where that was looked up.
  const std::map<std::string, std::optional<ClaimHolder>>& held() const { return held_; }

 private:
  std::vector<std::size_t> free_in(const ClaimsListing& listing) const;
  void choose_watched();
  std::optional<Next> take(std::size_t cell, const ClaimsListing& listing, const IsSettled& is_settled);
  std::optional<Next> take_free(ClaimsListing& listing, const IsSettled& may_be_settled, const IsSettled& is_settled);
  std::optional<Next> take_stale(const ClaimsListing& listing, const IsSettled& is_settled);
  void drop(std::size_t cell);

  Claims& claims_;
  std::vector<std::string> ids_;
  std::vector<std::size_t> left_, watched_;
  std::map<std::string, std::optional<ClaimHolder>> held_;
  std::uint64_t seed_, tries_ = 0;
};

}  // namespace unpact
