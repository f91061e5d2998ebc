#pragma once
/// A folder that appears whole or not at all.
#include <filesystem>
#include <functional>

namespace unpact {

/// @param fill writes the content into a folder beside `folder`, which takes its place at the end; after an error nothing stays of it.
void save_folder(const std::filesystem::path& folder,
                 const std::function<void(const std::filesystem::path& temporary)>& fill);

}  // namespace unpact
