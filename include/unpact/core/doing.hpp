#pragma once
/// What this process is doing just now, for those who look on from outside: the heartbeat of a claim carries it.
#include <chrono>
#include <cstdint>
#include <list>
#include <string>

namespace unpact {

struct Doing {
  std::string what;  ///< e.g. "npo: unlearn"; empty: nothing that is counted
  std::string unit;  ///< plural, e.g. "steps"
  std::int64_t step = 0, steps = 0;
  double step_seconds = 0;  ///< of one, lately; 0: not known yet
};

/// The work that was begun last and has not ended. From any thread.
Doing doing_now();

/// Counted work for as long as this lives. The members may be called from any thread.
class DoingScope {
 public:
  DoingScope(std::string what, std::int64_t steps, std::string unit);
  ~DoingScope();
  DoingScope(const DoingScope&) = delete;
  DoingScope& operator=(const DoingScope&) = delete;

  void reach(std::int64_t step);
  void end();  ///< the destructor does it, too

 private:
  using Clock = std::chrono::steady_clock;
  std::list<Doing>::iterator entry_;
  bool ended_ = false;
  Clock::time_point mark_time_ = Clock::now();
  std::int64_t mark_step_ = 0;
};

}  // namespace unpact
