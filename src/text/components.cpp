#include "components.hpp"

#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxSteps = 64;  // published tokenizers have at most some ten

void collect_steps(const Json& json, const char* list, const std::string& where, std::vector<const Json*>& steps) {
  if (require_string(json, "type", where) != "Sequence") {
    UNPACT_VALIDATE(steps.size() < kMaxSteps, concat(where, ": the tokenizer is not supported"),
                    concat("it has more than ", kMaxSteps, " ", list), "use the model's original tokenizer");
    steps.push_back(&json);
    return;
  }
  UNPACT_VALIDATE(json.contains(list) && json[list].is_array(), concat(where, ": a Sequence is broken"),
                  concat("it has no list '", list, "'"), "fetch the file again");
  for (const auto& step : json[list]) collect_steps(step, list, where, steps);
}

std::string describe_value(const Json& value) {
  if (value.is_string()) return concat('"', value.get<std::string>(), '"');
  if (value.is_object() && value.size() == 1 && value.begin()->is_string()) return value.begin()->get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::vector<const Json*> steps_of(const Json& json, const char* list, const std::string& where) {
  std::vector<const Json*> steps;
  if (!json.is_null()) collect_steps(json, list, where, steps);
  return steps;
}

void refuse_component(const std::string& role, const std::string& kind, const std::string& where) {
  throw UserError(concat(where, ": the tokenizer is not supported"), concat("its ", role, " is of kind ", kind),
                  "use a model with a BPE tokenizer as Llama, Mistral, Qwen and GPT-2 have");
}

Regex read_pattern(const Json& object, const std::string& where) {
  const auto pattern = object.find("pattern");
  UNPACT_VALIDATE(pattern != object.end() && pattern->is_object() && pattern->size() == 1,
                  concat(where, ": field 'pattern' is broken"), "expected an object with String or Regex",
                  "fetch the file again");
  if (pattern->contains("Regex")) return Regex::of_pattern(require_string(*pattern, "Regex", where), where);
  return Regex::of_literal(require_string(*pattern, "String", where), where);
}

std::string require_character(const Json& object, const std::string& key, const std::string& where) {
  const auto text = require_string(object, key, where);
  UNPACT_VALIDATE(!text.empty() && code_point_at(text, 0).bytes == text.size(),
                  concat(where, ": field '", key, "' is broken"),
                  concat("expected one character, found ", text.size(), " bytes"), "fetch the file again");
  return text;
}

std::string describe_component(const Json& json) {
  if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) return "none";
  for (const char* list : {"normalizers", "pretokenizers", "processors", "decoders"}) {
    if (!json.contains(list) || !json[list].is_array()) continue;
    std::vector<std::string> steps;
    for (const auto& step : json[list]) steps.push_back(describe_component(step));
    return join(steps, " > ");
  }
  std::vector<std::string> details;
  for (const auto& [key, value] : json.items()) {
    const bool shown = key == "pattern" || key == "behavior" || key == "content" || key == "prepend" ||
                       key == "replacement" || key == "prepend_scheme";
    if (shown) details.push_back(concat(key, ' ', describe_value(value)));
    else if (value == true && key != "trim_offsets") details.push_back(key);
  }
  const auto type = json["type"].get<std::string>();
  return details.empty() ? type : concat(type, '(', join(details, ", "), ')');
}

}  // namespace unpact
