#include "plan_text.hpp"

#include <cstdio>

namespace unpact {
namespace {

std::string formatted(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

std::string in_gigabytes(double bytes) { return formatted(bytes < 1e9 ? "%.3f GB" : "%.1f GB", bytes / 1e9); }

std::string in_operations(double operations) { return formatted("%.2e", operations); }

std::string in_time(double seconds) {
  if (seconds <= 0) return "-";
  if (seconds < 100) return formatted("%.1f s", seconds);
  return seconds < 6000 ? formatted("%.0f min", seconds / 60) : formatted("%.1f h", seconds / 3600);
}

std::string column(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

}  // namespace unpact
