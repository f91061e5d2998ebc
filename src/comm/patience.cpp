#include "patience.hpp"

#include <unistd.h>

#include <algorithm>

#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/text.hpp"

namespace unpact::backend {
Peers::Peers(const Communicator& group) {
  const auto here = process_numbering();
  const auto pid = static_cast<std::int64_t>(::getpid());
  const auto all = group.all_gather(here.empty() ? "" : concat(here, "\n", pid, "\n", state_of_process(pid).start_time));
  for (std::size_t r = 0; r < all.size(); ++r) {
    const auto parts = split_list(all[r], '\n');
    if (static_cast<int>(r) != group.rank() && parts.size() == 3 && parts[0] == here)
      near_.push_back({static_cast<int>(r), std::stoll(parts[1]), parts[2]});
  }
}

int Peers::suspended() const {
  for (const auto& peer : near_) {
    const auto state = state_of_process(peer.pid);
    if ((state.letter == 'T' || state.letter == 't') && state.start_time == peer.start_time) return peer.rank;
  }
  return -1;
}

Patience::Patience(const Peers& peers, double limit_seconds)
    : peers_(peers), look_every_(std::min(1.0, limit_seconds / 20)) {}

double Patience::seconds() {
  constexpr double kGap = 0.5;  // polls follow each other at once: this process did not run for as long
  const auto now = Clock::now();
  const double gap = std::chrono::duration<double>(now - last_).count();
  last_ = now;
  if (gap < kGap) pending_ += gap;
  if (pending_ < look_every_) return counted_;
  const int rank = peers_.suspended();
  if (rank < 0) counted_ += pending_;
  else if (!said_) log::detail(concat("rank ", rank, " of the group is suspended: waiting goes on"));
  said_ = rank >= 0;
  pending_ = 0;
  return counted_;
}

}  // namespace unpact::backend
