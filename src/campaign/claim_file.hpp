#pragma once
/// What lies in a folder of claims: names of files and what they say; private to this layer.
#include <optional>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// NAME.claim.
std::string prefix_of(const std::string& name);
std::filesystem::path file_of(const std::filesystem::path& folder, const std::string& name, std::int64_t generation);

/// Whether the text is a number of a generation, and which.
bool is_generation(const std::string& text, std::int64_t& generation);

std::string text_of(const ClaimHolder& holder);

/// Nothing: the file is gone, is not written to its end yet, or says nothing that can be used.
std::optional<ClaimHolder> read_claim(const std::filesystem::path& file, std::int64_t generation);

}  // namespace unpact
