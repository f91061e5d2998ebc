#include "special_tokens.hpp"

#include <charconv>

#include "bpe_file.hpp"
#include "bpe_model.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 16 << 20;

/// A token's text: a string, or an object with its content.
std::optional<std::string> token_text(const Json& config, const char* key, const std::string& where) {
  if (!config.contains(key) || config[key].is_null()) return std::nullopt;
  if (config[key].is_object()) return require_string(config[key], "content", where);
  return require_string(config, key, where);
}

TokenId parse_id(const std::string& text, const std::string& where) {
  TokenId id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  UNPACT_VALIDATE(error == std::errc() && end == text.data() + text.size(), concat(where, " is broken"),
                  concat("added_tokens_decoder has the key '", text.substr(0, 100), "', which is no id"),
                  "fetch the file again");
  return id;
}

}  // namespace

AddedToken read_added_token(const Json& object, TokenId id, const std::string& where) {
  UNPACT_VALIDATE(id >= 0 && id < kMaxTokenId, concat(where, " is broken"), concat("an added token has the id ", id),
                  "fetch the file again");
  AddedToken token{id, require_string(object, "content", where)};
  token.special = bool_or(object, "special", false, where);
  token.single_word = bool_or(object, "single_word", false, where);
  token.lstrip = bool_or(object, "lstrip", false, where);
  token.rstrip = bool_or(object, "rstrip", false, where);
  token.normalized = bool_or(object, "normalized", !token.special, where);
  return token;
}

TokenizerConfig read_tokenizer_config(const fs::path& folder) {
  TokenizerConfig result;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto file = folder / name;
    if (!fs::is_regular_file(file)) continue;
    add_tokenizer_config(read_file(file, kMaxConfigBytes), file.string(), result);
  }
  return result;
}

void add_tokenizer_config(std::string_view content, const std::string& where, TokenizerConfig& result) {
  const auto config = parse_tokenizer_json(content, where).rest;
  result.exists = true;
  if (!result.bos) result.bos = token_text(config, "bos_token", where);
  if (!result.eos) result.eos = token_text(config, "eos_token", where);
  if (!result.pad) result.pad = token_text(config, "pad_token", where);
  const auto added = config.find("added_tokens_decoder");
  if (added == config.end() || !added->is_object()) return;
  for (const auto& [key, value] : added->items())
    result.added.push_back(read_added_token(value, parse_id(key, where), where));
}

}  // namespace unpact
