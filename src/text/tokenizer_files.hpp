#pragma once
#include <filesystem>
#include <vector>

namespace unpact {

/// Those files of a folder that say what its tokenizer does, and how a chat is written with it.
std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& folder);

}  // namespace unpact
