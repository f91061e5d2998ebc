#pragma once
/// Who of many groups collects the cells when all are done: the one that finishes last, and nobody else has to.
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// A group that has given a cell's claim back looks once: while a cell is held, its holder will finish later and look then, so
/// this group is not the last one, also when it sees none held later on. Of groups that finish at the same moment whoever looks
/// last sees none held, so there is always one. A holder that dies is no such one: its cell is taken over, and finished. Who died
/// between a cell's file and its claim's end leaves a claim that nobody takes: one on a cell that has ended holds nobody back. At
/// worst two collect.
class LastFinisher {
 public:
  using HasEnded = std::function<bool(const std::string&)>;

  /// @param cells of the plan.
  explicit LastFinisher(std::set<std::string> cells) : cells_(std::move(cells)) {}

  /// This group has given a claim back. What it sees next must have been read after that.
  void finished() { others_go_on_ = false; }
  /// @param has_ended whether a cell has a result or a failure; asked of held cells until one has none.
  void saw(const ClaimsListing& listing, const HasEnded& has_ended);

  /// Whether somebody works on a cell who is not known to be dead, by the last reading of the folder; two claims are looked into
  /// at most. While this group holds none.
  bool others_work(Claims& claims);

  bool others_go_on() const { return others_go_on_; }

  /// Takes away what the dead left on the plan's cells: they had filed a result and not given their claim back. As far as the
  /// folder lets itself be used.
  void clear_claims_of_the_dead(Claims& claims) const;

 private:
  std::set<std::string> cells_;
  bool others_go_on_ = false, others_work_ = false;
  std::optional<double> asked_;  ///< when the folder was read by which others_work_ is known
};

}  // namespace unpact
