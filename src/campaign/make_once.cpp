#include "make_once.hpp"

#include <optional>
#include <thread>

#include "unpact/campaign/job_claims.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

enum class Turn { made, mine, stopped, elsewhere };

/// On the root: waits until the thing is made or its claim is held.
Turn wait_for_turn(Claims& claims, const std::string& name, const std::function<bool()>& is_made, WhileBusy while_busy,
                   std::optional<Claim>& claim) {
  bool said = false;
  while (!is_made()) {
    if ((claim = claims.take(name))) return is_made() ? Turn::made : Turn::mine;
    if (while_busy == WhileBusy::leave) return Turn::elsewhere;
    const auto holder = claims.holder(name);
    if (!said && holder) log::info(concat("Waiting for ", name, ", which another job makes (", holder->describe(), ")"));
    said = said || holder.has_value();
    if (stop_wanted()) return Turn::stopped;
    std::this_thread::sleep_for(kClaimPause);
  }
  return Turn::made;
}

}  // namespace

bool make_once(const Communicator& ranks, Claims* claims, const std::string& name, const std::function<bool()>& is_made,
               const std::function<void()>& make, WhileBusy while_busy) {
  std::optional<Claim> claim;
  auto turn = Turn::made;
  on_root(ranks, [&] {
    if (claims != nullptr) turn = wait_for_turn(*claims, name, is_made, while_busy, claim);
    else turn = is_made() ? Turn::made : Turn::mine;
  });
  ranks.broadcast_bytes(&turn, sizeof turn, 0);
  if (turn == Turn::stopped) {
    note_progress();  // the other job goes on with it
    throw StoppedAtCheckpoint(concat("stopped while waiting for ", name), "another job makes it",
                              "start the same command again");
  }
  if (turn == Turn::elsewhere)
    throw MadeElsewhere(concat(name, " is not there yet"), "somebody else makes it", "wait for it");
  if (turn == Turn::mine) make();
  return turn == Turn::mine;
}

}  // namespace unpact
