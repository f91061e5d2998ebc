#pragma once
/// The file of a threshold search: docs/results-format.md, "Tuning file".
#include <filesystem>

#include "unpact/results/tuning.hpp"

namespace unpact {

inline constexpr const char* kTuningSchema = "unpact-tuning";

/// Writes the file under a temporary name, seals and renames it. One rank alone. @throws RuntimeFailure.
void write_tuning_file(const std::filesystem::path& path, const TuningRecord& record);

}  // namespace unpact
