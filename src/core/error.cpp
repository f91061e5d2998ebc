#include "unpact/core/error.hpp"

#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

std::string message_of(const std::string& problem, const std::string& reason, const std::string& hint) {
  std::string text = problem;
  if (!reason.empty()) text += "\n  reason: " + reason;
  if (!hint.empty()) text += "\n  hint:   " + hint;
  return text;
}

}  // namespace

Error::Error(std::string problem, std::string reason, std::string hint)
    : std::runtime_error(message_of(problem, reason, hint)), problem_(std::move(problem)), reason_(std::move(reason)),
      hint_(std::move(hint)) {}

ContractViolation::ContractViolation(const char* kind, const char* condition, const char* file, int line)
    : std::logic_error(concat("broken ", kind, ": ", condition, "\n  at ", file, ":", line,
                              "\n  hint:   this is a defect of unpact; please report it with the command that led here")) {}

ExitCode exit_code_of(const std::exception& error) {
  if (dynamic_cast<const StoppedAtCheckpoint*>(&error)) return ExitCode::requeue;
  return dynamic_cast<const UserError*>(&error) ? ExitCode::user_error : ExitCode::failure;
}

}  // namespace unpact
