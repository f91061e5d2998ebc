#pragma once
#include <functional>
#include <string>

#include "unpact/core/error.hpp"

namespace unpact::testing_support {

/// Problem, reason and hint of what is thrown.
template <class E>
std::string whole_message(const std::function<void()>& run) {
  try {
    run();
  } catch (const E& error) {
    return concat(error.problem(), " | ", error.reason(), " | ", error.hint());
  }
  return "nothing was thrown";
}

inline std::string whole_refusal(const std::function<void()>& run) { return whole_message<UserError>(run); }

}  // namespace unpact::testing_support
