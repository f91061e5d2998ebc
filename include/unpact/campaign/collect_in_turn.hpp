#pragma once
/// Collecting while others collect: one after the other, so that the last one's table is the newest.
#include <functional>
#include <vector>

#include "unpact/campaign/claims.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {

/// collect_campaign() under a claim. Called by one rank. @param cells asked when the claim is held. @param before_each also
/// asked while somebody else collects; what it throws ends it.
CollectSummary collect_in_turn(Claims& claims, const std::filesystem::path& folder,
                               const std::function<std::vector<PlannedCell>()>& cells,
                               const std::function<void()>& before_each);

}  // namespace unpact
