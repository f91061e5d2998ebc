#include "unpact/core/stop.hpp"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <limits>

namespace unpact {
namespace {

using Clock = std::chrono::system_clock;

volatile std::sig_atomic_t stop_signal = 0;
const auto process_start = Clock::now();
double end_time = std::numeric_limits<double>::infinity();  // seconds since 1970

void note_signal(int) { stop_signal = 1; }

double seconds_since_1970(Clock::time_point time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

/// What the batch system says; a variable that makes no sense says nothing.
double slurm_end() {
  const char* text = std::getenv("SLURM_JOB_END_TIME");
  if (text == nullptr) return std::numeric_limits<double>::infinity();
  char* rest = nullptr;
  const double value = std::strtod(text, &rest);
  return rest != text && *rest == '\0' && std::isfinite(value) && value > 0 ? value
                                                                            : std::numeric_limits<double>::infinity();
}

}  // namespace

void install_stop_signal() {
  struct sigaction action = {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // system calls under way go on
  sigaction(SIGUSR1, &action, nullptr);
}

void request_stop() { stop_signal = 1; }

void set_time_limit(double limit_seconds) {
  end_time = slurm_end();
  if (limit_seconds > 0) end_time = std::min(end_time, seconds_since_1970(process_start) + limit_seconds);
}

bool stop_wanted(double reserve_seconds) {
  return stop_signal != 0 || seconds_since_1970(Clock::now()) + reserve_seconds >= end_time;
}

void reset_stop() {
  stop_signal = 0;
  end_time = std::numeric_limits<double>::infinity();
}

}  // namespace unpact
