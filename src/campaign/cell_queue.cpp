#include "unpact/campaign/cell_queue.hpp"

#include <algorithm>
#include <numeric>

#include "unpact/core/random.hpp"

namespace unpact {

CellQueue::CellQueue(Claims& claims, std::vector<std::string> ids, std::uint64_t seed)
    : claims_(claims), ids_(std::move(ids)), left_(ids_.size()), seed_(seed) {
  std::iota(left_.begin(), left_.end(), 0);
}

void CellQueue::drop(std::size_t cell) {
  std::erase(left_, cell);
  std::erase(watched_, cell);
}

CellQueue::Next CellQueue::next(const IsSettled& may_be_settled, const IsSettled& is_settled) {
  if (left_.empty()) return {};
  auto listing = claims_.look();
  if (auto found = take_free(listing, may_be_settled, is_settled)) return std::move(*found);
  if (auto found = take_stale(listing, is_settled)) return std::move(*found);
  return {left_.empty() ? Found::empty : Found::wait};
}

std::vector<std::size_t> CellQueue::free_in(const ClaimsListing& listing) const {
  std::vector<std::size_t> free;
  for (const auto cell : left_)
    if (!listing.is_held(ids_[cell])) free.push_back(cell);
  return free;
}

/// The claim, unless somebody else has it. One whose holder has just finished is given back.
std::optional<CellQueue::Next> CellQueue::take(std::size_t cell, const ClaimsListing& listing, const IsSettled& is_settled) {
  auto claim = claims_.take(ids_[cell], listing);
  if (!claim) return std::nullopt;
  held_.erase(ids_[cell]);
  drop(cell);
  if (is_settled(cell)) return std::nullopt;
  return Next{Found::ours, cell, std::move(claim)};
}

std::optional<CellQueue::Next> CellQueue::take_free(ClaimsListing& listing, const IsSettled& may_be_settled,
                                                    const IsSettled& is_settled) {
  for (const auto cell : free_in(listing))
    if (may_be_settled(cell) && is_settled(cell)) drop(cell);
  std::uint64_t among = 1;
  for (auto free = free_in(listing); !free.empty(); free = free_in(listing)) {
    const auto first = std::min<std::uint64_t>(among, free.size());
    if (auto next = take(free[random_below(first, seed_, stream_of("cell queue"), tries_++)], listing, is_settled))
      return next;
    among *= 2;
    listing = claims_.look();
  }
  return std::nullopt;
}

/// Others that will be looked at until it is known whether they live.
void CellQueue::choose_watched() {
  constexpr std::size_t kWatched = 8;
  auto order = random_permutation(static_cast<std::int64_t>(left_.size()), seed_, tries_++);
  while (watched_.size() < std::min(kWatched, left_.size())) {
    const auto cell = left_[static_cast<std::size_t>(order.back())];
    order.pop_back();
    if (std::ranges::find(watched_, cell) == watched_.end()) watched_.push_back(cell);
  }
}

/// Nothing is free: who is gone is followed, and what belongs to the living is left to them.
std::optional<CellQueue::Next> CellQueue::take_stale(const ClaimsListing& listing, const IsSettled& is_settled) {
  choose_watched();
  bool all_live = true;
  std::map<std::size_t, std::optional<ClaimHolder>> holders;
  for (const auto cell : std::vector<std::size_t>(watched_)) {
    const auto seen = claims_.watch(ids_[cell], listing);
    if (seen.is_stale) {
      if (auto next = take(cell, listing, is_settled)) return next;
    }
    all_live = all_live && seen.is_alive;
    holders[cell] = seen.holder;
  }
  if (!all_live) return std::nullopt;
  for (const auto cell : left_) {
    const auto holder = holders.find(cell);
    const bool is_own = holder != holders.end() && holder->second && holder->second->run == claims_.run();
    if (!is_own) held_[ids_[cell]] = holder == holders.end() ? std::nullopt : holder->second;
  }
  left_.clear();
  watched_.clear();
  return std::nullopt;
}

}  // namespace unpact
