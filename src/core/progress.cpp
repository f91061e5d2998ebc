#include "unpact/core/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>

#include "unpact/core/log.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr double kTerminalPeriod = 0.2, kLogPeriod = 10.0;  // seconds between two lines

std::string format_rate(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate >= 100 ? "%.0f" : rate >= 1 ? "%.1f" : "%.3f", rate);
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  char text[48];
  if (seconds < 59.95) {  // what %.1f does not round to 60.0
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 3600) {
    const int whole = std::max(60, static_cast<int>(seconds));
    std::snprintf(text, sizeof text, "%d min %02d s", whole / 60, whole % 60);
  } else {
    const auto minutes = static_cast<long>(seconds / 60);
    std::snprintf(text, sizeof text, "%ld h %02ld min", minutes / 60, minutes % 60);
  }
  return text;
}

Progress::Progress(std::string label, std::int64_t total, std::string unit)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), start_(Clock::now()), last_drawn_(start_),
      exceptions_at_start_(std::uncaught_exceptions()), shown_(log::rank() == 0), terminal_(isatty(STDERR_FILENO) != 0),
      doing_(label_, total_, unit_) {}

Progress::~Progress() {
  if (std::uncaught_exceptions() == exceptions_at_start_) {
    finish();
  } else if (shown_ && terminal_) {
    std::cerr << '\n';
  }
}

void Progress::advance(std::int64_t units, const std::string& note) {
  done_ += units;
  doing_.reach(done_);
  note_ = note;
  const double since = std::chrono::duration<double>(Clock::now() - last_drawn_).count();
  if (shown_ && since >= (terminal_ ? kTerminalPeriod : kLogPeriod)) draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  doing_.end();
  if (shown_) draw(true);
}

void Progress::draw(bool last) {
  last_drawn_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(last_drawn_ - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0.0;
  std::string line = concat("  ", label_, ": ", done_, "/", total_, " ", unit_, ", ", format_rate(rate), "/s");
  if (last) {
    line += ", " + format_duration(elapsed);
  } else if (rate > 0) {
    line += ", " + format_duration(static_cast<double>(total_ - done_) / rate) + " left";
  }
  if (!note_.empty()) line += ", " + note_;
  if (terminal_) std::cerr << "\r\033[K";
  if (last || !terminal_) {
    log::info(line);
  } else {
    std::cerr << line << std::flush;
  }
}

}  // namespace unpact
