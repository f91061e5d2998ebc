#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace unpact {

/// Those files of a folder that say what its tokenizer does, and how a chat is written with it.
std::vector<std::filesystem::path> tokenizer_files(const std::filesystem::path& folder);

/// The content of a tokenizer's file. @throws UserError as read_file and refuse_foreign.
std::string read_tokenizer_file(const std::filesystem::path& file, std::uintmax_t most);

}  // namespace unpact
