#include "unpact/campaign/make_once.hpp"

#include <unistd.h>

#include <chrono>
#include <thread>

#include "process_identity.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

constexpr std::chrono::milliseconds kPause(500);

enum class Turn { made, mine, stopped };

/// On the root: waits until the thing is made or its claim is held.
Turn wait_for_turn(Claims& claims, const std::string& name, const std::function<bool()>& is_made,
                   std::optional<Claim>& claim) {
  bool said = false;
  while (!is_made()) {
    if ((claim = claims.take(name))) return is_made() ? Turn::made : Turn::mine;
    const auto holder = claims.holder(name);
    if (!said && holder) log::info(concat("Waiting for ", name, ", which another job makes (", holder->describe(), ")"));
    said = said || holder.has_value();
    if (stop_wanted()) return Turn::stopped;
    std::this_thread::sleep_for(kPause);
  }
  return Turn::made;
}

}  // namespace

Claims claims_of_job(const Communicator& world, const std::filesystem::path& folder, const CampaignOptions& options) {
  constexpr double kBeats = 9;  // in the time after which a claim is stale: a network file system may show some late
  ClaimOptions claims;
  claims.stale_seconds = options.stale_after;
  claims.renew_seconds = options.stale_after / kBeats;
  const auto pid = static_cast<std::int64_t>(::getpid());
  claims.run = world.broadcast(sha256_of_bytes(concat(host_name(), identity_of_process(pid), pid,
                                                      std::chrono::steady_clock::now().time_since_epoch().count()))
                                   .substr(0, 16),
                               0);
  claims.on_lost = request_stop;
  return Claims(folder / "claims", claims);
}

Claim claim_or_refuse(Claims& claims, const std::string& name) {
  while (true) {
    if (auto claim = claims.take(name)) return std::move(*claim);
    const auto holder = claims.holder(name);
    UNPACT_VALIDATE(!claims.is_alive(name), concat(name, " is being made by another job"),
                    holder ? holder->describe() : "its claim cannot be read", "wait for it, or choose another --output");
    leave_where_stop_is_wanted("waiting for " + name);
    std::this_thread::sleep_for(kPause);
  }
}

OutputClaim::OutputClaim(const Communicator& world, const std::filesystem::path& folder, const std::string& job,
                         const CampaignOptions& options)
    : claims_(claims_of_job(world, folder, options)) {
  const auto name = concat("the output of ", job);
  fail_together(
      world,
      [&] {
        if (world.is_root()) claim_ = claim_or_refuse(claims_, name);
      },
      Telling::error_alone);
}

bool make_once(const Communicator& ranks, Claims* claims, const std::string& name, const std::function<bool()>& is_made,
               const std::function<void()>& make) {
  std::optional<Claim> claim;
  auto turn = Turn::made;
  const auto decide = [&] {
    if (!ranks.is_root()) return;
    if (claims != nullptr) turn = wait_for_turn(*claims, name, is_made, claim);
    else turn = is_made() ? Turn::made : Turn::mine;
  };
  fail_together(ranks, decide, Telling::error_alone);
  ranks.broadcast_bytes(&turn, sizeof turn, 0);
  if (turn == Turn::stopped)
    throw StoppedAtCheckpoint(concat("stopped while waiting for ", name), "another job makes it",
                              "start the same command again");
  if (turn == Turn::mine) make();
  return turn == Turn::mine;
}

}  // namespace unpact
