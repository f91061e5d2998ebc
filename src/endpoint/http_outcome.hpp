#pragma once
/// What became of one attempt, and what a person is told of it.
#include <cstddef>
#include <string>

#include "http_client.hpp"

namespace unpact {

struct HttpOutcome {
  long status = 0;           ///< 0: there was no answer
  std::string failure;       ///< why, where there was none
  std::string body;          ///< of an answer that is no good one
  double retry_after = 0;    ///< seconds that the server asks for
  bool cannot_pass = false;  ///< no answer, and another attempt would end alike

  bool is_good() const { return status == 200; }
  /// Whether another attempt may end otherwise.
  bool is_passing() const;
  std::string reason() const;
};

/// @throws UserError or RuntimeFailure (HttpClient::run). The key is in no message, also where the server repeats it.
[[noreturn]] void throw_outcome(const HttpSettings& settings, const std::string& path, const HttpOutcome& outcome,
                                std::size_t attempts);

}  // namespace unpact
