#include "unpact/core/json.hpp"

#include <limits>
#include <set>
#include <vector>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/foreign_file.hpp"

namespace unpact {
namespace {

constexpr std::uintmax_t kMaxJsonFileBytes = 256ULL << 20;  // published indexes of weights have up to 10 MB

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

/// What the library says, without the name of its class in front.
std::string words_of(const std::exception& error) {
  const std::string text = error.what();
  const auto end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

/// Builds the tree that the library's own parser builds, but without searching an object for each of its keys: an
/// ordered object is a list, and hostile ones are long.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(const std::string& where, std::size_t max_depth) : where_(where), max_depth_(max_depth) {}

  Json root;

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(std::int64_t v) override { return value(v); }
  bool number_unsigned(std::uint64_t v) override { return value(v); }
  bool number_float(double v, const std::string& /*text*/) override { return value(v); }
  bool string(std::string& v) override { return value(std::move(v)); }
  bool binary(Json::binary_t& /*unused*/) override { return false; }  // JSON has none
  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    auto& level = levels_.back();
    UNPACT_VALIDATE(level.keys.insert(name).second,
                    concat(where_, ": key '", shortened(name), "' appears twice in one object"),
                    "it is unclear which one counts", "remove one of them");
    level.key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/, const nlohmann::detail::exception& error) override {
    throw UserError(concat(where_, " is not valid JSON"), shortened(words_of(error), 400),
                    "check that the file is complete");
  }

 private:
  struct Level {
    Json* node;  ///< stays in its place: its parent grows again only after it is closed
    std::string key;
    std::set<std::string> keys;
  };

  Json* add(Json&& v) {
    if (levels_.empty()) return &(root = std::move(v));
    auto& level = levels_.back();
    if (level.node->is_array()) return &level.node->emplace_back(std::move(v));
    auto& members = level.node->get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(level.key), std::move(v)).second;  // the list's, which does not search
  }
  template <class T>
  bool value(T&& v) {
    add(Json(std::forward<T>(v)));
    return true;
  }
  bool open(Json&& empty) {
    UNPACT_VALIDATE(levels_.size() < max_depth_, concat(where_, " is nested too deeply"),
                    concat("more than ", max_depth_, " levels"), "check that this is the right file");
    auto* const node = add(std::move(empty));
    levels_.push_back({node, {}, {}});
    return true;
  }
  bool close() {
    levels_.pop_back();
    return true;
  }

  const std::string& where_;
  const std::size_t max_depth_;
  std::vector<Level> levels_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where, int max_depth) {
  refuse_foreign(text, where);
  // The library takes a NUL byte for the end of the text, whatever follows.
  UNPACT_VALIDATE(text.find('\0') == std::string_view::npos, concat(where, " is not valid JSON"), "it holds a NUL byte",
                  "check that this is the right file");
  TreeBuilder builder(where, static_cast<std::size_t>(max_depth));
  Json::sax_parse(text, &builder);
  return std::move(builder.root);
}

Json read_json_file(const std::filesystem::path& path, int max_depth) {
  return parse_json(read_file(path, kMaxJsonFileBytes), path.string(), max_depth);
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
