#include "unpact/campaign/collect_in_turn.hpp"

#include <thread>

#include "unpact/campaign/job_claims.hpp"
#include "unpact/core/log.hpp"

namespace unpact {

CollectSummary collect_in_turn(Claims& claims, const std::filesystem::path& folder,
                               const std::function<std::vector<PlannedCell>()>& cells,
                               const std::function<void()>& before_each) {
  constexpr const char* kClaim = "collect";
  auto claim = claims.take(kClaim);
  if (!claim) log::info("Waiting for another job, which collects the cells");
  while (!claim) {
    before_each();
    std::this_thread::sleep_for(kClaimPause);
    claim = claims.take(kClaim);
  }
  return collect_campaign(folder, cells(), before_each);
}

}  // namespace unpact
