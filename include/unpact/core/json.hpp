#pragma once
/// JSON from untrusted files: size, depth and types are checked, and every message names the file and the place.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace unpact {

using Json = nlohmann::ordered_json;

/// Parses text. @param where what the message should name. @throws UserError for bad syntax, duplicate keys,
/// bad UTF-8 or nesting deeper than `max_depth`.
Json parse_json(std::string_view text, const std::string& where, int max_depth = 64);

/// Reads and parses a file of at most 256 MiB. @throws UserError.
Json read_json_file(const std::filesystem::path& path, int max_depth = 64);

/// Field `key` of an object as a string / integer / number / bool. @throws UserError naming `where` and the key.
std::string require_string(const Json& object, const std::string& key, const std::string& where);
std::int64_t require_integer(const Json& object, const std::string& key, const std::string& where);

/// Field `key` or the default when it is absent or null. @throws UserError for a wrong type.
std::string string_or(const Json& object, const std::string& key, const std::string& fallback, const std::string& where);
std::int64_t integer_or(const Json& object, const std::string& key, std::int64_t fallback, const std::string& where);
double number_or(const Json& object, const std::string& key, double fallback, const std::string& where);
bool bool_or(const Json& object, const std::string& key, bool fallback, const std::string& where);

}  // namespace unpact
