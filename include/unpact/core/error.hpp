#pragma once
/// Errors and contracts.
///
/// Every message has the same grammar: what is wrong (problem), why it is (reason), what to do (hint).
/// - UserError: bad input or options; the program ends with exit code 1.
/// - RuntimeFailure: the machine, a library or a peer failed; exit code 2.
/// - ContractViolation: a programmer's error; exit code 2.
#include <stdexcept>
#include <string>

#include "unpact/core/text.hpp"

namespace unpact {

enum class ExitCode : int { done = 0, user_error = 1, failure = 2, requeue = 75 };

class Error : public std::runtime_error {
 public:
  Error(std::string problem, std::string reason, std::string hint);
  const std::string& problem() const { return problem_; }
  const std::string& reason() const { return reason_; }
  const std::string& hint() const { return hint_; }

 private:
  std::string problem_, reason_, hint_;
};

class UserError : public Error {
 public:
  using Error::Error;
};

class RuntimeFailure : public Error {
 public:
  using Error::Error;
};

class ContractViolation : public std::logic_error {
 public:
  ContractViolation(const char* kind, const char* condition, const char* file, int line);
};

/// The exit code that stands for this exception.
ExitCode exit_code_of(const std::exception& error);

}  // namespace unpact

/// Always on, for the user's input: throws UserError(problem, reason, hint) when the condition is false.
#define UNPACT_VALIDATE(condition, problem, reason, hint) \
  do {                                                    \
    if (!(condition)) [[unlikely]]                        \
      throw ::unpact::UserError(problem, reason, hint);   \
  } while (false)

#define UNPACT_CONTRACT_(kind, condition)                                      \
  do {                                                                         \
    if (!(condition)) [[unlikely]]                                             \
      throw ::unpact::ContractViolation(kind, #condition, __FILE__, __LINE__); \
  } while (false)

/// Contracts: what a caller owes (EXPECT), what must hold inside (ASSERT), what is promised (ENSURE).
/// They stay on in every build: none stands in an inner loop.
#define UNPACT_EXPECT(condition) UNPACT_CONTRACT_("precondition", condition)
#define UNPACT_ASSERT(condition) UNPACT_CONTRACT_("invariant", condition)
#define UNPACT_ENSURE(condition) UNPACT_CONTRACT_("postcondition", condition)
