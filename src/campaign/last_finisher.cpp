#include "unpact/campaign/last_finisher.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {

void LastFinisher::saw(const ClaimsListing& listing, const HasEnded& has_ended) {
  const auto goes_on = [&](const auto& claim) { return cells_.contains(claim.first) && !has_ended(claim.first); };
  others_go_on_ = others_go_on_ || std::ranges::any_of(listing.generations, goes_on);
}

bool LastFinisher::others_work(Claims& claims) {
  constexpr int kLooks = 2;
  const auto& listing = claims.recent_look();
  if (asked_ == listing.time) return others_work_;
  asked_ = listing.time;
  others_work_ = false;
  int looks = 0;
  for (auto claim = listing.generations.begin(); claim != listing.generations.end() && looks < kLooks && !others_work_;
       ++claim) {
    if (!cells_.contains(claim->first)) continue;
    ++looks;
    others_work_ = !claims.watch(claim->first, listing).is_stale;
  }
  return others_work_;
}

void LastFinisher::clear_claims_of_the_dead(Claims& claims) const {
  try {
    const auto listing = claims.look();
    for (const auto& [name, generations] : listing.generations)
      if (cells_.contains(name)) claims.take(name, listing);  // none, or one that is given back at once
  } catch (const RuntimeFailure&) {
    return;  // it is tidiness alone
  }
}

}  // namespace unpact
