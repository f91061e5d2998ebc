#include "unpact/campaign/last_finisher.hpp"

#include <algorithm>

namespace unpact {

void LastFinisher::saw(const ClaimsListing& listing, const HasEnded& has_ended) {
  const auto goes_on = [&](const auto& claim) { return cells_.contains(claim.first) && !has_ended(claim.first); };
  others_go_on_ = others_go_on_ || std::ranges::any_of(listing.generations, goes_on);
}

bool LastFinisher::is_any_held(const ClaimsListing& listing) const {
  return std::ranges::any_of(listing.generations, [&](const auto& claim) { return cells_.contains(claim.first); });
}

}  // namespace unpact
