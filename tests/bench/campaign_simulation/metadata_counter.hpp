#pragma once
/// Counts what the process asks of a file system about names below a folder: opening, creating, looking up, renaming, removing,
/// reading directories. Reading and writing of an open file is no such thing.
#include <cstdint>
#include <string>

namespace unpact::testing_support {

/// Names in a reply to a reader of a directory: NFS sends about as many, Lustre more.
inline constexpr std::int64_t kNamesInAReply = 128;

/// From now on names below this folder count, and nothing is synced: in simulated time no disk is waited for. Empty: nothing
/// counts any more.
void count_metadata_below(const std::string& folder);

/// Since then.
std::int64_t metadata_operations();

/// What is not done here but would be: counts as well.
void add_metadata_operations(std::int64_t count);

}  // namespace unpact::testing_support
