#include "unpact/campaign/last_finisher.hpp"

#include <algorithm>

namespace unpact {

void LastFinisher::saw(const ClaimsListing& listing) {
  others_go_on_ = others_go_on_ ||
                  std::ranges::any_of(listing.generations, [&](const auto& claim) { return cells_.contains(claim.first); });
}

}  // namespace unpact
