#include "reply.hpp"

#include <charconv>
#include <cmath>

#include "unpact/core/error.hpp"

namespace unpact::reply {

namespace {
constexpr float kFloor = -9999;  // what vLLM and its like write for minus infinity
}

void refuse(const std::string& what, const std::string& hint) {
  throw UserError("the endpoint's answer cannot be used", what, hint);
}

Json parse(const std::string& body, const std::string& place) {
  const auto begin = body.find_first_not_of(" \t\r\n");
  UNPACT_VALIDATE(begin == std::string::npos || body[begin] != '<',
                  concat("the endpoint ", place, " answers with a web page"), "a model's server answers with JSON",
                  "check the port: another server listens there");
  try {
    return parse_json(body, concat("the answer of ", place), 32);
  } catch (const UserError& error) {
    throw UserError(error.problem(), error.reason(), "check the address and model.endpoint_kind");
  }
}

const Json& field(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

const Json& list(const Json& json, const std::string& what) {
  if (!json.is_array()) refuse(concat("it has no list '", what, "'"));
  return json;
}

TokenId id(const Json& json) {
  if (!json.is_number_integer()) refuse("a token's id is no integer");
  const auto value = json.get<std::int64_t>();
  if (value < 0) refuse(concat("a token's id is ", value));
  return value;
}

float log_probability(const Json& json) {
  if (json.is_null())
    refuse("the log-probability of a token is null",
           "let the server compute log-probabilities of prompts (docs/endpoints.md)");
  if (!json.is_number()) refuse("a log-probability is no number");
  const auto value = json.get<double>();
  if (!std::isfinite(value) || value <= kFloor || value > 1e-3)
    refuse(concat("a log-probability is ", value), "it is cut off or none: look at the model behind the endpoint");
  return static_cast<float>(value);
}

std::optional<TokenId> id_of_text(const Json& token) {
  constexpr std::string_view mark = "token_id:";
  if (!token.is_string()) return std::nullopt;
  const auto& text = token.get_ref<const std::string&>();
  if (text.rfind(mark, 0) != 0) return std::nullopt;
  TokenId value = 0;
  const auto* const begin = text.data() + mark.size();
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(begin, end, value);
  return error == std::errc() && at == end && value >= 0 ? std::optional(value) : std::nullopt;
}

void require_same_ids(const std::vector<TokenId>& found, const std::vector<TokenId>& sent) {
  if (found == sent) return;
  std::size_t at = 0;
  while (at < found.size() && at < sent.size() && found[at] == sent[at]) ++at;
  const auto text = [&](const std::vector<TokenId>& ids) { return at < ids.size() ? std::to_string(ids[at]) : "nothing"; };
  refuse(concat("it is about other token ids than were sent: at ", at, " it has ", text(found), " for ", text(sent)),
         "the server adds, drops, or mixes up tokens; a server that takes ids as they are is needed");
}

std::vector<const Json*> choices_in_order(const Json& reply, std::size_t count) {
  const auto& choices = list(field(reply, "choices"), "choices");
  if (choices.size() != count) refuse(concat("it has ", choices.size(), " choices for ", count, " prompts"));
  std::vector<const Json*> ordered(count, nullptr);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& index = field(choices[i], "index");
    const auto place = index.is_null() ? static_cast<std::int64_t>(i) : id(index);
    if (static_cast<std::size_t>(place) >= count || ordered[static_cast<std::size_t>(place)] != nullptr)
      refuse(concat("its choices are numbered wrongly: ", place, " once more or beyond ", count));
    ordered[static_cast<std::size_t>(place)] = &choices[i];
  }
  return ordered;
}

}  // namespace unpact::reply
