#pragma once
/// How long a rank has waited for others, without the time in which it or one of them was suspended; private to this layer.
///
/// A batch system may stop all processes of a job (SIGSTOP) and let them go on much later. What a process sees of this is a
/// gap between two looks at the clock; of others it can see it on its own machine, where the kernel says what state a process
/// is in. A process that is suspended alone on another machine cannot be told from one that hangs.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"

namespace unpact::backend {

/// The processes of a group that run on this machine.
class Peers {
 public:
  /// Collective over `group`.
  explicit Peers(const Communicator& group);
  /// The first rank that is suspended, as far as can be seen from here; -1: none.
  int suspended() const;

 private:
  struct Peer {
    int rank;
    std::int64_t pid;
    std::string start_time;  // of the process that had this number then
  };
  std::vector<Peer> near_;
};

/// One wait. Look again and again: what lies between two looks counts only where both processes could have gone on.
class Patience {
 public:
  /// @param limit_seconds of the wait, which decides how often peers are looked at.
  Patience(const Peers& peers, double limit_seconds);
  /// Seconds that count so far.
  double seconds();

 private:
  using Clock = std::chrono::steady_clock;
  const Peers& peers_;
  double look_every_, counted_ = 0, pending_ = 0;
  Clock::time_point last_ = Clock::now();
  bool said_ = false;
};

}  // namespace unpact::backend
