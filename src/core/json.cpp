#include "unpact/core/json.hpp"

#include <limits>
#include <set>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The type as a JSON author names it.
std::string type_name(const Json& value) { return value.is_number_float() ? "a fraction" : concat("a ", value.type_name()); }

[[noreturn]] void wrong_type(const Json& object, const std::string& key, const char* expected, const std::string& where) {
  throw UserError(concat(where, ": field '", key, "' has the wrong type"),
                  concat("expected ", expected, ", found ", type_name(object.at(key))), "correct that field");
}

const Json& require(const Json& object, const std::string& key, const std::string& where) {
  UNPACT_VALIDATE(object.is_object(), concat(where, " is not a JSON object"), concat("found ", type_name(object)),
                  "each entry must be an object in braces");
  UNPACT_VALIDATE(object.contains(key), concat(where, ": field '", key, "' is missing"), "every entry needs it",
                  "add the field or correct its name");
  return object.at(key);
}

/// The library would wrap a number above 2^63 - 1 around to a negative one.
std::int64_t integer_of(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = object.at(key);
  if (!value.is_number_integer()) wrong_type(object, key, "an integer", where);
  UNPACT_VALIDATE(!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max(),
                  concat(where, ": field '", key, "' is too large"), concat(value.dump(), " is above 2^63 - 1"),
                  "correct that field");
  return value.get<std::int64_t>();
}

const Json* find(const Json& object, const std::string& key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, int max_depth) {
  // The library takes a NUL byte for the end of the text, whatever follows.
  UNPACT_VALIDATE(text.find('\0') == std::string_view::npos, concat(where, " is not valid JSON"), "it holds a NUL byte",
                  "check that this is the right file");
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    UNPACT_VALIDATE(depth <= max_depth, concat(where, " is nested too deeply"),
                    concat("more than ", max_depth, " levels"), "check that this is the right file");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key)
      UNPACT_VALIDATE(keys.back().insert(parsed.get<std::string>()).second,
                      concat(where, ": key '", parsed.get<std::string>(), "' appears twice in one object"),
                      "it is unclear which one counts", "remove one of them");
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const Json::exception& error) {
    throw UserError(concat(where, " is not valid JSON"), error.what(), "check that the file is complete");
  }
}

Json read_json_file(const std::filesystem::path& path, int max_depth) {
  return parse_json(read_file(path), path.string(), max_depth);
}

std::string require_string(const Json& object, const std::string& key, const std::string& where) {
  if (!require(object, key, where).is_string()) wrong_type(object, key, "a string", where);
  return object.at(key).get<std::string>();
}

std::int64_t require_integer(const Json& object, const std::string& key, const std::string& where) {
  require(object, key, where);
  return integer_of(object, key, where);
}

std::string string_or(const Json& object, const std::string& key, const std::string& fallback, const std::string& where) {
  const auto* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) wrong_type(object, key, "a string", where);
  return value->get<std::string>();
}

std::int64_t integer_or(const Json& object, const std::string& key, std::int64_t fallback, const std::string& where) {
  return find(object, key) == nullptr ? fallback : integer_of(object, key, where);
}

double number_or(const Json& object, const std::string& key, double fallback, const std::string& where) {
  const auto* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number()) wrong_type(object, key, "a number", where);
  return value->get<double>();
}

bool bool_or(const Json& object, const std::string& key, bool fallback, const std::string& where) {
  const auto* value = find(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) wrong_type(object, key, "true or false", where);
  return value->get<bool>();
}

}  // namespace unpact
