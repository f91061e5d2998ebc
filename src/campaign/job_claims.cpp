#include "unpact/campaign/job_claims.hpp"

#include <unistd.h>

#include <thread>

#include "unpact/comm/fail_together.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {

Claims claims_of_job(const Communicator& world, const std::filesystem::path& folder, const CampaignOptions& options) {
  constexpr double kBeats = 4;  // in the time after which a claim is stale: a network file system may show some late
  ClaimOptions claims;
  claims.stale_seconds = options.stale_after;
  claims.renew_seconds = options.stale_after / kBeats;
  const auto pid = static_cast<std::int64_t>(::getpid());
  claims.run = world.broadcast(sha256_of_bytes(concat(host_name(), identity_of_process(pid), pid,
                                                      std::chrono::steady_clock::now().time_since_epoch().count()))
                                   .substr(0, 16),
                               0);
  claims.rank = world.rank();
  claims.ranks = options.ranks_per_cell;
  claims.on_lost = request_stop;
  return Claims(folder / "claims", claims);
}

Claim claim_or_refuse(Claims& claims, const std::string& name) {
  while (true) {
    if (auto claim = claims.take(name)) return std::move(*claim);
    const auto holder = claims.holder(name);
    UNPACT_VALIDATE(!claims.watch(name).is_alive, concat(name, " is being made by another job"),
                    holder ? holder->describe() : "its claim cannot be read", "wait for it, or choose another --output");
    leave_where_stop_is_wanted("waiting for " + name);
    std::this_thread::sleep_for(kClaimPause);
  }
}

OutputClaim::OutputClaim(const Communicator& world, const std::filesystem::path& folder, const std::string& job,
                         const CampaignOptions& options)
    : claims_(claims_of_job(world, folder, options)) {
  const auto name = concat("the output of ", job);
  on_root(world, [&] { claim_ = claim_or_refuse(claims_, name); });
}

}  // namespace unpact
