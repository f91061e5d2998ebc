#include "make_once.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "unpact/campaign/claim_pause.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

enum class Turn { made, mine, stopped, elsewhere };

/// A stop is heeded meanwhile. @return false: stopped.
bool wait_unstopped(double seconds) {
  constexpr double kStep = 0.5;
  for (double left = seconds; left > 0; left -= kStep) {
    if (stop_wanted()) return false;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, kStep)));
  }
  return true;
}

/// On the root: waits until the thing is made or its claim is held. While somebody else lives and holds it, it is not made:
/// nobody looks for it.
Turn wait_for_turn(Claims& claims, const std::string& name, const std::function<bool()>& is_made, WhileBusy while_busy,
                   std::optional<Claim>& claim) {
  ClaimPause pause(random_bits(std::hash<std::string>{}(claims.run()), stream_of(name.c_str()), 0));
  bool said = false;
  if (is_made()) return Turn::made;
  while (true) {
    const auto listing = claims.look();
    const auto seen = claims.watch(name, listing);
    if (!seen.is_held || seen.is_stale) {
      if (is_made()) return Turn::made;
      if ((claim = claims.take(name, listing))) return is_made() ? Turn::made : Turn::mine;
      continue;
    }
    if (while_busy == WhileBusy::leave) return Turn::elsewhere;
    if (!said && seen.holder)
      log::info(concat("Waiting for ", name, ", which another job makes (", seen.holder->describe(), ")"));
    said = said || seen.holder.has_value();
    if (!wait_unstopped(pause.next())) return Turn::stopped;
  }
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
  if (turn == Turn::mine) {
    make();
    if (ranks.is_root()) note_progress();
  }
  return turn == Turn::mine;
}

}  // namespace unpact
