#pragma once
/// The files of claims; private to this layer. Each is touched as rarely as the protocol allows: what a thousand jobs do on a
/// file system for everybody adds up.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// NAME.claim.GENERATION in the folder of claims.
std::filesystem::path claim_file(const std::filesystem::path& folder, const std::string& name, std::int64_t generation);

/// One reading of the directory. A folder that is not there holds no claims. @throws RuntimeFailure.
ClaimsListing list_claims_folder(const std::filesystem::path& folder);

/// @return whether this process created the file. @throws RuntimeFailure.
bool create_exclusively(const std::filesystem::path& file, const std::string& content);

/// Writes over a file of the same size: readers see the one or the other. @param is_own asked of what stands there.
/// @return false: it is gone, or another's. @throws RuntimeFailure.
bool write_in_place(const std::filesystem::path& file, const std::string& content,
                    const std::function<bool(const std::string&)>& is_own);

}  // namespace unpact
