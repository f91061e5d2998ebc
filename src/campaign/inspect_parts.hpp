#pragma once
/// What the parts of `unpact inspect` share.
#include <filesystem>
#include <string>

namespace unpact {

/// Prints "name:   value".
void line(const std::string& name, const std::string& value);

/// Says what the tokenizer of a folder is. With an input it prints instead what the tokenizer makes of each JSON line.
/// @param input a file, "-" for standard input, or empty.
void inspect_tokenizer(const std::filesystem::path& folder, const std::string& input);

}  // namespace unpact
