#pragma once
/// Failures that every rank must hear of, and that say where they happened; private to this layer.
#include <cstdint>
#include <exception>
#include <string>

#include "unpact/comm/collectives.hpp"

namespace c10 { struct Device; }

namespace unpact {

/// An exception on one line: problem and reason.
std::string one_line(const std::exception& error);

/// What went wrong on the first rank on which something did ("rank 1: ..."), the same on every rank; empty when nothing
/// did. Collective. @param own what went wrong here, or nothing.
std::string first_failure(Collectives& group, const c10::Device& device, const std::string& own);

/// Inside a catch block: throws the exception again, now with the step and the rank. Errors of the user's input and
/// TrainingDiverged, which names its step, stay as they are.
[[noreturn]] void rethrow_from_step(std::int64_t step);

}  // namespace unpact
