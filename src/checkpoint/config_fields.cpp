#include "config_fields.hpp"

#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact {

bool is_set(const Json& json, const std::string& key) { return json.contains(key) && !json.at(key).is_null(); }

std::int64_t size_field(const Json& json, const std::string& key, const std::string& where, std::int64_t largest) {
  const auto value = require_integer(json, key, where);
  UNPACT_VALIDATE(value > 0 && value <= largest, concat(where, ": field '", key, "' is ", value),
                  concat("it must lie in 1..", largest), "check that config.json belongs to this model");
  return value;
}

double number_field(const Json& json, const std::string& key, double fallback, bool zero_allowed, const std::string& where) {
  const auto value = number_or(json, key, fallback, where);
  UNPACT_VALIDATE(std::isfinite(value) && (value > 0 || (value == 0 && zero_allowed)),
                  concat(where, ": field '", key, "' is ", value),
                  zero_allowed ? "it must not be negative" : "it must be positive", "check config.json");
  return value;
}

double positive_field(const Json& json, const std::string& key, const std::string& where) {
  UNPACT_VALIDATE(is_set(json, key), concat(where, ": field '", key, "' is missing"), "this model needs it",
                  "check config.json");
  return number_field(json, key, 0, false, where);
}

std::vector<std::int64_t> id_list(const Json& json, const std::string& key, const std::string& where) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return {};
  if (it->is_number_integer()) return {require_integer(json, key, where)};
  std::vector<std::int64_t> ids;
  UNPACT_VALIDATE(it->is_array(), concat(where, ": field '", key, "' has the wrong type"),
                  "expected an integer or a list of integers", "correct that field");
  for (const auto& id : *it) {
    UNPACT_VALIDATE(id.is_number_integer(), concat(where, ": field '", key, "' has the wrong type"),
                    "its list holds something other than integers", "correct that field");
    ids.push_back(id.get<std::int64_t>());
    UNPACT_VALIDATE(!id.is_number_unsigned() || ids.back() >= 0, concat(where, ": field '", key, "' is too large"),
                    concat(id.dump(), " is above 2^63 - 1"), "correct that field");
  }
  return ids;
}

}  // namespace unpact
