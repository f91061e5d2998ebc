#pragma once
/// Any exception as a person should read it.
#include <exception>
#include <string>

#include "unpact/core/error.hpp"

namespace unpact {

/// Problem, reason and hint of any exception. Of those that are not ours only what says something to a user stays: the path
/// and the system's reason of a file system's error, LibTorch's text without its stack. A defect of the program is called
/// one; the standard library's words about it go into the log file.
struct PlainError {
  std::string problem, reason, hint;
  ExitCode code = ExitCode::failure;
};
PlainError in_plain_words(const std::exception& error);

/// The whole message, for the terminal.
std::string message_for_user(const std::exception& error);

}  // namespace unpact
