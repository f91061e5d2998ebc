#include "unpact/core/json.hpp"

#include "fuzz_target.hpp"

/// parse_json against the library's own parser, then every accessor on every field.
UNPACT_FUZZ_TARGET(json) {
  using namespace unpact;
  const auto theirs = Json::parse(input, nullptr, /*allow_exceptions=*/false);
  Json ours;
  try {
    ours = parse_json(input, "input", 32);
  } catch (const UserError& error) {
    const bool is_syntax = error.problem().find("is not valid JSON") != std::string::npos;
    UNPACT_FUZZ_REQUIRE(!is_syntax || theirs.is_discarded() || input.find('\0') != std::string_view::npos);
    throw;
  }
  UNPACT_FUZZ_REQUIRE(ours == theirs);
  if (!ours.is_object()) return;
  std::vector<std::string> keys{"absent"};
  for (const auto& [key, value] : ours.items()) keys.push_back(key);
  for (const auto& key : keys) {
    const auto try_all = [&](const auto& read) {
      try {
        read();
      } catch (const UserError&) {  // the type is another one
      }
    };
    try_all([&] { require_string(ours, key, "input"); });
    try_all([&] { require_integer(ours, key, "input"); });
    try_all([&] { string_or(ours, key, "", "input"); });
    try_all([&] { integer_or(ours, key, 0, "input"); });
    try_all([&] { number_or(ours, key, 0.5, "input"); });
    try_all([&] { bool_or(ours, key, false, "input"); });
  }
}
