#pragma once
/// Stages of a plan beside the memory that is free for them.
#include <string>

namespace unpact {

/// "0.123 GiB".
std::string gibibytes(double bytes);

/// @param memory what it is called, for people. @throws UserError where a stage needs more bytes than are free.
void require_room(const std::string& stage, const char* memory, double needed, double free);

}  // namespace unpact
