#pragma once
/// SHA-256 by OpenSSL, as lower-case hex, comparable with `sha256sum`.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace unpact {

class FileReader;

std::string sha256_of_bytes(std::string_view bytes);
/// Of bytes that come piece by piece. @param next gives the next ones, empty at the end.
std::string sha256_of_pieces(const std::function<std::string_view()>& next);
/// @throws as FileReader.
std::string sha256_of_file(const std::filesystem::path& path);
/// That of a file's first bytes.
std::string sha256_of_start(const FileReader& file, std::uintmax_t bytes);

}  // namespace unpact
