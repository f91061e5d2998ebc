#include "unpact/core/doing.hpp"

#include <mutex>

namespace unpact {
namespace {

/// Steps that a checkpoint brings back take no time: the pace is that of the last few seconds.
constexpr double kPaceSeconds = 2;

struct All {
  std::mutex mutex;
  std::list<Doing> entries;  // the last one was begun last
};

All& all() {
  static All entries;
  return entries;
}

}  // namespace

Doing doing_now() {
  const std::lock_guard lock(all().mutex);
  return all().entries.empty() ? Doing{} : all().entries.back();
}

DoingScope::DoingScope(std::string what, std::int64_t steps, std::string unit) {
  const std::lock_guard lock(all().mutex);
  entry_ = all().entries.insert(all().entries.end(), {std::move(what), std::move(unit), 0, steps, 0});
}

DoingScope::~DoingScope() { end(); }

void DoingScope::reach(std::int64_t step) {
  const std::lock_guard lock(all().mutex);
  if (ended_) return;
  entry_->step = step;
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - mark_time_).count();
  if (since < kPaceSeconds || step <= mark_step_) return;
  entry_->step_seconds = since / static_cast<double>(step - mark_step_);
  mark_time_ = now;
  mark_step_ = step;
}

void DoingScope::end() {
  const std::lock_guard lock(all().mutex);
  if (!ended_) all().entries.erase(entry_);
  ended_ = true;
}

}  // namespace unpact
