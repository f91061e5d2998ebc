#include "patience.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "unpact/core/log.hpp"
#include "unpact/core/text.hpp"

namespace unpact::backend {
namespace {

struct ProcessState {
  char letter = '?';  // T: stopped by a signal, t: by a debugger
  std::string start_time;
};

/// Fields 3 and 22 of /proc/PID/stat (man 5 proc); the name before them may hold anything.
ProcessState state_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line, '\0');
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(line.substr(name_end + 1));
  ProcessState state;
  std::string skipped;
  fields >> state.letter;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> state.start_time;
  return state;
}

/// Equal for processes that see each other under the same numbers: one boot of one machine, one namespace of processes.
std::string machine() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string boot;
  char space[64] = {};
  if (!std::getline(in, boot) || ::readlink("/proc/self/ns/pid", space, sizeof space - 1) <= 0) return "";
  return concat(boot, " ", space);
}

}  // namespace

Peers::Peers(const Communicator& group) {
  const auto here = machine(), file = concat("/proc/", ::getpid(), "/stat");
  const auto all = group.all_gather(here.empty() ? "" : concat(here, "\n", file, "\n", state_in(file).start_time));
  for (std::size_t r = 0; r < all.size(); ++r) {
    const auto parts = split_list(all[r], '\n');
    if (static_cast<int>(r) != group.rank() && parts.size() == 3 && parts[0] == here)
      near_.push_back({static_cast<int>(r), parts[1], parts[2]});
  }
}

int Peers::suspended() const {
  for (const auto& peer : near_) {
    const auto state = state_in(peer.file);
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
