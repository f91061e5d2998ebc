/// An option's value from text and as text.
#include <charconv>
#include <type_traits>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

[[noreturn]] void wrong_type(const std::string& key, const std::string& text, const std::string& origin,
                             const char* expected) {
  throw UserError(concat("option '", key, "' is '", text, "'"), concat(expected, " is needed (", origin, ")"),
                  text.find('#') == std::string::npos ? "correct the value"
                                                      : "correct the value; a comment stands on a line of its own");
}

template <class Number>
Number parse_number(const Option& option, const std::string& text, const std::string& origin, const char* expected) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) wrong_type(option.key, text, origin, expected);
  return value;
}

bool parse_bool(const Option& option, const std::string& text, const std::string& origin) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  wrong_type(option.key, text, origin, "true or false");
}

template <class T>
std::string text_of(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) return value;
  else if constexpr (std::is_same_v<T, bool>) return value ? "true" : "false";
  else if constexpr (std::is_same_v<T, double>) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;  // the shortest text that reads back equal
    return {text, end};
  } else return std::to_string(value);
}

template <class T>
void assign_value(const Option& option, T& value, const std::string& text, const std::string& origin) {
  if constexpr (std::is_same_v<T, std::string>) value = text;
  else if constexpr (std::is_same_v<T, bool>) value = parse_bool(option, text, origin);
  else if constexpr (std::is_same_v<T, double>) value = parse_number<double>(option, text, origin, "a number");
  else if constexpr (std::is_same_v<T, std::uint64_t>) value = parse_number<T>(option, text, origin, "a whole number >= 0");
  else value = parse_number<T>(option, text, origin, "a whole number");
}

void assign_name(const Option& option, const EnumReference& value, const std::string& text, const std::string& origin) {
  if (value.assign(text)) return;
  const auto near = closest_match(text, value.names());
  throw UserError(concat("option '", option.key, "' is '", text, "'"),
                  concat("known: ", join(value.names(), ", "), " (", origin, ")"),
                  near.empty() ? "choose one of these" : concat("did you mean '", near, "'?"));
}

}  // namespace

std::string value_text(const Option& option) {
  return std::visit(
      [](const auto& held) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, EnumReference>) return held.name();
        else return text_of(*held);
      },
      option.value);
}

void assign(const Option& option, const std::string& text, const std::string& origin) {
  std::visit(
      [&](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, EnumReference>) assign_name(option, held, text, origin);
        else assign_value(option, *held, text, origin);
      },
      option.value);
}

}  // namespace unpact
