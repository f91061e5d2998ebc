#pragma once
/// Reading an endpoint's JSON: nothing in it is trusted.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unpact/core/json.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact::reply {

/// @throws UserError saying what is wrong with an answer.
[[noreturn]] void refuse(const std::string& what, const std::string& hint = "check model.endpoint_kind");

/// The JSON of a body. @param place the address, for messages. @throws UserError naming web pages as such.
Json parse(const std::string& body, const std::string& place);

/// Field `key` of an object; null where it is absent.
const Json& field(const Json& object, const char* key);
/// An array. @param what names it.
const Json& list(const Json& json, const std::string& what);
TokenId id(const Json& json);
/// A finite number; null and the floor of servers that write no infinities are refused.
float log_probability(const Json& json);

/// "token_id:17" as 17.
std::optional<TokenId> id_of_text(const Json& token);

/// @throws UserError where ids are not those that were sent.
void require_same_ids(const std::vector<TokenId>& found, const std::vector<TokenId>& sent);

/// The places of `choices` by their field `index`, each once.
std::vector<const Json*> choices_in_order(const Json& reply, std::size_t count);

}  // namespace unpact::reply
