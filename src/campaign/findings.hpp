#pragma once
/// Problems that are collected, so that all of them are said at once.
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "unpact/comm/communicator.hpp"

namespace unpact {

struct Finding {
  std::string where, problem, reason, hint;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.where, self.problem, self.reason, self.hint);
  }
};

class Findings {
 public:
  /// Runs the call. What it throws is a finding. @return whether it threw nothing.
  bool note(const std::string& where, const std::function<void()>& call);
  /// Collective over `world`. @throws UserError on every rank, with the findings of all, when there are some.
  void refuse(const Communicator& world, const std::string& whole) const;

 private:
  std::vector<Finding> found_;
};

}  // namespace unpact
