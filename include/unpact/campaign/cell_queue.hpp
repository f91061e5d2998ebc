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
/// times each; those that know their place among them meet nobody. One look at the folder of claims serves for all cells.
///
/// When nothing is free, a few of the claims that others hold are watched, by chance. The stale are taken over. When all of
/// the few are seen to live, the group leaves everything to them: whoever of them ends last finds only what the dead left.
/// What has appeared in the folder meanwhile is taken for finished when a few of it are: opening all of a thousand files in a
/// thousand jobs is what a file system cannot bear. Collecting reads them all, once.
class CellQueue {
 public:
  /// What a reading of the folder shows of a free cell.
  enum class Glance {
    nothing,   ///< no result and no failure
    old_file,  ///< one that was there when the group began: of other settings, or failed before
    new_file,  ///< one that somebody has made since
  };
  using LookAt = std::function<Glance(std::size_t)>;
  /// Whether a cell needs nothing any more, by its files: it is finished, or failed and not to be tried again.
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

  static constexpr std::size_t kWatched = 8;

  /// @param ids the names of the cells, in order. @param seed another one for every group. The claims must outlive it.
  /// @param watched claims of others that are watched at once, at least one; and files of others that are opened.
  /// @param first_choice counted over the groups that begin at the same time: each tries another cell first.
  CellQueue(Claims& claims, std::vector<std::string> ids, std::uint64_t seed, std::size_t watched = kWatched,
            std::optional<std::size_t> first_choice = {});

  /// @throws RuntimeFailure when the folder of claims cannot be used.
  Next next(ClaimsListing listing, const LookAt& look_at, const IsSettled& is_settled);

  /// What next() would find, as far as that can be told without is_settled, and without taking anything: `ours` where a try is
  /// worth its while.
  Found foresee(ClaimsListing listing, const LookAt& look_at);

  /// Cells that are left to other jobs, with who does them, where that was looked up.
  const std::map<std::string, std::optional<ClaimHolder>>& held() const { return held_; }

 private:
  using Cells = std::vector<std::size_t>;
  Cells free_in(const ClaimsListing& listing, const std::function<bool(std::size_t)>& is_chosen) const;
  bool is_any_held(const ClaimsListing& listing) const;
  void choose_watched(const ClaimsListing& listing);
  std::optional<Next> take(std::size_t cell, const ClaimsListing& listing, const IsSettled& is_settled);
  std::optional<Next> take_free(ClaimsListing& listing, const IsSettled& is_settled,
                                const std::function<bool(std::size_t)>& is_chosen);
  std::optional<std::size_t> find_stale(const ClaimsListing& listing);
  std::optional<Next> try_next(ClaimsListing listing, const LookAt& look_at, const IsSettled& is_settled);
  void drop(std::size_t cell);
  void drop_settled(const IsSettled& is_settled);

  Claims& claims_;
  std::vector<std::string> ids_;
  Cells left_, watched_;
  std::size_t most_watched_, most_opened_;
  std::map<std::string, std::optional<ClaimHolder>> held_;
  std::uint64_t seed_, tries_ = 0;
  std::optional<std::size_t> first_choice_;
  bool is_outdated_ = false;  ///< the listing: a watched claim was given back since
};

}  // namespace unpact
