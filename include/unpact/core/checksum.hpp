#pragma once
/// SHA-256 by OpenSSL, as lower-case hex, comparable with `sha256sum`.
#include <filesystem>
#include <string>
#include <string_view>

namespace unpact {

std::string sha256_of_bytes(std::string_view bytes);
/// @throws UserError when the file cannot be read.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace unpact
