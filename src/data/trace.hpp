#pragma once
/// Traces of thought in entries.
#include <string>

#include "unpact/core/json.hpp"

namespace unpact {

/// The trace in an entry's field, without white space and <think> and </think> around it; none where no field is named.
/// @throws UserError naming `where`: no such field, an empty trace, one that opens and has no end, marks inside of it.
std::string trace_of(const Json& entry, const std::string& field, const std::string& where);

}  // namespace unpact
