#pragma once
#include <chrono>
#include <string>

namespace unpact {

/// Now as ISO 8601 in UTC, e.g. 2026-01-31T12:00:00Z.
std::string utc_now();

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace unpact
