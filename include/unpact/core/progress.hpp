#pragma once
/// Progress of long work on rank 0: done/total, rate and remaining time. A terminal gets one line that is redrawn,
/// a log gets a line every few seconds. What every rank does is also known to doing_now().
#include <chrono>
#include <cstdint>
#include <string>

#include "unpact/core/doing.hpp"

namespace unpact {

class Progress {
 public:
  /// @param label what is being done; @param total how many units; @param unit their name, plural.
  Progress(std::string label, std::int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t units = 1, const std::string& note = {});
  /// Prints the closing line once; the destructor calls it unless an exception is on its way.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(bool last);

  std::string label_, unit_, note_;
  std::int64_t total_, done_ = 0;
  Clock::time_point start_, last_drawn_;
  int exceptions_at_start_;
  bool shown_, terminal_, finished_ = false;
  DoingScope doing_;
};

/// Seconds as "1 h 02 min", "3 min 05 s" or "4.2 s".
std::string format_duration(double seconds);

}  // namespace unpact
