#pragma once
/// What another program prints.
#include <string>
#include <vector>

namespace unpact {

struct ProgramOutput {
  std::string text;      ///< at most 64 KiB
  std::string problem;   ///< why it is not to be trusted; empty: the program ended well
  bool is_there = true;  ///< the program
  int status = -1;       ///< of the program that ended by itself
};

/// Starts a program (looked for in PATH, no shell), with the environment of this process but for `unset` (names, or with a
/// trailing * all that begin so) and with `set` (NAME=value). It is killed after `patience_seconds`.
/// @param errors_too the text has its standard error, too.
ProgramOutput output_of_program(const std::vector<std::string>& command, double patience_seconds,
                                const std::vector<std::string>& unset = {}, const std::vector<std::string>& set = {},
                                bool errors_too = false);

}  // namespace unpact
