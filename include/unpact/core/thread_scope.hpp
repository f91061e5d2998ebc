#pragma once
/// A wish that holds on this thread for as long as an object lives.
#include <utility>

namespace unpact {

/// @tparam Tag tells wishes apart.
template <typename Tag>
class ThreadScope {
 public:
  ThreadScope() : before_(std::exchange(active_, true)) {}
  ~ThreadScope() { active_ = before_; }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;
  static bool active() { return active_; }

 private:
  static inline thread_local bool active_ = false;
  bool before_;
};

}  // namespace unpact
