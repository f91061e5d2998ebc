#include "unpact/campaign/cell_queue.hpp"

#include <algorithm>
#include <numeric>

#include "unpact/core/random.hpp"

namespace unpact {

CellQueue::CellQueue(Claims& claims, std::vector<std::string> ids, std::uint64_t seed, std::size_t watched,
                     std::optional<std::size_t> first_choice)
    : claims_(claims), ids_(std::move(ids)), left_(ids_.size()), most_watched_(std::max<std::size_t>(watched, 1)),
      most_opened_(watched), seed_(seed), first_choice_(first_choice) {
  std::iota(left_.begin(), left_.end(), 0);
}

void CellQueue::drop(std::size_t cell) {
  std::erase(left_, cell);
  std::erase(watched_, cell);
}

CellQueue::Next CellQueue::next(ClaimsListing listing, const LookAt& look_at, const IsSettled& is_settled) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries && !left_.empty(); ++i) {
    if (i > 0) listing = claims_.look();
    if (auto found = try_next(listing, look_at, is_settled)) return std::move(*found);
    if (!is_outdated_) break;
  }
  return {left_.empty() ? Found::empty : Found::wait};
}

std::optional<CellQueue::Next> CellQueue::try_next(ClaimsListing listing, const LookAt& look_at,
                                                   const IsSettled& is_settled) {
  is_outdated_ = false;
  for (const auto cell : Cells(left_))
    if (!listing.is_held(ids_[cell]) && look_at(cell) == Glance::old_file && is_settled(cell)) drop(cell);
  const auto is_open = [&](std::size_t cell) { return look_at(cell) != Glance::new_file; };
  if (auto found = take_free(listing, is_settled, is_open)) return found;
  while (const auto stale = find_stale(listing))
    if (auto found = take(*stale, listing, is_settled)) return found;
    else listing = claims_.look();
  if (!left_.empty() && !is_any_held(listing)) {
    drop_settled(is_settled);
    if (auto found = take_free(listing, is_settled, [](auto) { return true; })) return found;
  }
  return std::nullopt;
}

/// Nobody is at work, and all that is left have files of others.
void CellQueue::drop_settled(const IsSettled& is_settled) {
  const auto order = random_permutation(static_cast<std::int64_t>(left_.size()), seed_, tries_++);
  const auto all = left_;
  bool is_all_well = true;
  for (std::size_t i = 0; i < all.size() && (i < most_opened_ || !is_all_well); ++i) {
    const auto cell = all[static_cast<std::size_t>(order[i])];
    const bool settled = is_settled(cell);
    is_all_well = is_all_well && settled;
    if (settled) drop(cell);
  }
  if (is_all_well) left_.clear();
}

CellQueue::Found CellQueue::foresee(ClaimsListing listing, const LookAt& look_at) {
  is_outdated_ = false;
  const bool is_open = std::ranges::any_of(
      left_, [&](auto cell) { return !listing.is_held(ids_[cell]) && look_at(cell) != Glance::new_file; });
  if (is_open || find_stale(listing)) return Found::ours;
  if (left_.empty()) return Found::empty;
  if (is_any_held(listing)) return is_outdated_ ? foresee(claims_.look(), look_at) : Found::wait;
  return most_opened_ > 0 ? Found::ours : Found::empty;
}

CellQueue::Cells CellQueue::free_in(const ClaimsListing& listing, const std::function<bool(std::size_t)>& is_chosen) const {
  Cells free;
  for (const auto cell : left_)
    if (!listing.is_held(ids_[cell]) && is_chosen(cell)) free.push_back(cell);
  return free;
}

bool CellQueue::is_any_held(const ClaimsListing& listing) const {
  return std::ranges::any_of(left_, [&](auto cell) { return listing.is_held(ids_[cell]); });
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

std::optional<CellQueue::Next> CellQueue::take_free(ClaimsListing& listing, const IsSettled& is_settled,
                                                    const std::function<bool(std::size_t)>& is_chosen) {
  std::uint64_t among = 1;
  for (auto free = free_in(listing, is_chosen); !free.empty(); free = free_in(listing, is_chosen)) {
    auto place = random_below(std::min<std::uint64_t>(among, free.size()), seed_, stream_of("cell queue"), tries_++);
    if (first_choice_) place = *first_choice_ % free.size();
    first_choice_.reset();
    if (auto next = take(free[place], listing, is_settled)) return next;
    among *= 2;
    listing = claims_.look();
  }
  return std::nullopt;
}

/// Others that will be looked at until it is known whether they live; first those that were looked at before.
void CellQueue::choose_watched(const ClaimsListing& listing) {
  std::erase_if(watched_, [&](auto cell) { return !listing.is_held(ids_[cell]); });
  Cells held;
  for (const auto cell : left_)
    if (listing.is_held(ids_[cell])) held.push_back(cell);
  const auto order = random_permutation(static_cast<std::int64_t>(held.size()), seed_, tries_++);
  for (const bool is_known : {true, false})
    for (const auto place : order) {
      const auto cell = held[static_cast<std::size_t>(place)];
      if (watched_.size() == most_watched_) return;
      if (claims_.has_watched(ids_[cell]) == is_known && std::ranges::find(watched_, cell) == watched_.end())
        watched_.push_back(cell);
    }
}

/// Nothing is free: who is gone is followed, and what belongs to the living is left to them.
std::optional<std::size_t> CellQueue::find_stale(const ClaimsListing& listing) {
  choose_watched(listing);
  if (watched_.empty()) return std::nullopt;
  bool all_live = true;
  std::map<std::size_t, std::optional<ClaimHolder>> holders;
  for (const auto cell : watched_) {
    const auto seen = claims_.watch(ids_[cell], listing);
    if (seen.is_stale) return cell;
    is_outdated_ = is_outdated_ || seen.is_gone;
    all_live = all_live && seen.is_alive;
    holders[cell] = seen.holder;
  }
  if (!all_live) return std::nullopt;
  for (const auto cell : left_) {
    if (!listing.is_held(ids_[cell])) continue;  // it is finished, most likely
    const auto holder = holders.find(cell);
    const bool is_own = holder != holders.end() && holder->second && holder->second->run == claims_.run();
    if (!is_own) held_[ids_[cell]] = holder == holders.end() ? std::nullopt : holder->second;
  }
  left_.clear();
  watched_.clear();
  return std::nullopt;
}

}  // namespace unpact
