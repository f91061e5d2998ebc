#include "special_tokens.hpp"

#include <algorithm>
#include <charconv>

#include "bpe_file.hpp"
#include "bpe_model.hpp"
#include "tokenizer_files.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 16 << 20;
/// In transformers' order.
constexpr const char* kSpecialKeys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};

/// A token's text: a string, or an object with its content.
std::optional<std::string> token_text(const Json& config, const char* key, const std::string& where) {
  if (!config.contains(key) || config[key].is_null()) return std::nullopt;
  if (config[key].is_object()) return require_string(config[key], "content", where);
  return require_string(config, key, where);
}

/// A list of tokens, or an object of them by name (additional_special_tokens, extra_special_tokens).
void add_names(const Json& config, const char* key, const std::string& where, std::vector<std::string>& names) {
  const auto found = config.find(key);
  if (found == config.end() || !(found->is_array() || found->is_object())) return;
  for (const auto& entry : *found) {
    UNPACT_VALIDATE(entry.is_object() || entry.is_string(), concat(where, " is broken"),
                    concat("'", key, "' lists what is no token"), "fetch the file again");
    names.push_back(entry.is_object() ? require_string(entry, "content", where) : entry.get<std::string>());
  }
}

std::optional<bool> said(const Json& config, const char* key, const std::string& where) {
  if (!config.contains(key) || config[key].is_null()) return std::nullopt;
  return bool_or(config, key, false, where);
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
    add_tokenizer_config(read_tokenizer_file(file, kMaxConfigBytes), file.string(), result);
  }
  const auto file = folder / "added_tokens.json";
  if (result.added.empty() && fs::is_regular_file(file))
    add_added_tokens(read_tokenizer_file(file, kMaxConfigBytes), file.string(), result);
  return result;
}

void add_tokenizer_config(std::string_view content, const std::string& where, TokenizerConfig& result) {
  const auto config = parse_tokenizer_json(content, where).rest;
  result.exists = true;
  if (!result.bos) result.bos = token_text(config, "bos_token", where);
  if (!result.eos) result.eos = token_text(config, "eos_token", where);
  for (const char* key : kSpecialKeys)
    if (config.contains(key)) result.named.try_emplace(key, token_text(config, key, where));
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"})
    add_names(config, key, where, result.additional);
  if (result.tokenizer_class.empty()) result.tokenizer_class = string_or(config, "tokenizer_class", "", where);
  if (result.tokenizer_class.ends_with("Fast")) result.tokenizer_class.resize(result.tokenizer_class.size() - 4);
  if (!result.add_prefix_space) result.add_prefix_space = said(config, "add_prefix_space", where);
  if (!result.add_bos) result.add_bos = said(config, "add_bos_token", where);
  if (!result.legacy) result.legacy = said(config, "legacy", where);
  const auto added = config.find("added_tokens_decoder");
  if (added == config.end() || !added->is_object()) return;
  for (const auto& [key, value] : added->items())
    result.added.push_back(read_added_token(value, parse_id(key, where), where));
}

void add_added_tokens(std::string_view content, const std::string& where, TokenizerConfig& config) {
  const auto specials = special_names(config);
  for (const auto& [text, id] : parse_vocabulary_json(content, where)) {
    UNPACT_VALIDATE(id >= 0 && id < kMaxTokenId, concat(where, " is broken"), concat("an added token has the id ", id),
                    "fetch the file again");
    AddedToken token{id, text};
    token.special = std::ranges::find(specials, text) != specials.end();
    token.normalized = !token.special;
    config.added.push_back(std::move(token));
  }
}

std::vector<std::string> special_names(const TokenizerConfig& config) {
  std::vector<std::string> names;
  for (const char* key : kSpecialKeys)
    if (const auto found = config.named.find(key); found != config.named.end() && found->second)
      names.push_back(*found->second);
  names.insert(names.end(), config.additional.begin(), config.additional.end());
  return names;
}

std::vector<AddedToken> with_named_specials(const TokenizerConfig& config, std::int64_t vocabulary_size,
                                            const std::function<std::optional<TokenId>(const std::string&)>& id_of) {
  auto tokens = config.added;
  TokenId next = vocabulary_size;
  for (const auto& token : tokens) next = std::max(next, token.id + 1);
  for (const auto& name : special_names(config)) {
    const auto same = [&](const AddedToken& token) { return token.content == name; };
    if (name.empty() || std::ranges::any_of(tokens, same)) continue;
    const auto known = id_of(name);
    tokens.push_back({known ? *known : next++, name});
    tokens.back().special = true;
  }
  return tokens;
}

std::string checksum_with_tokens(const std::string& vocabulary, std::vector<AddedToken> added, std::optional<TokenId> bos,
                                 std::optional<TokenId> eos) {
  std::ranges::sort(added, {}, &AddedToken::id);  // files list them in any order
  Json tokens = Json::array();
  for (const auto& token : added)
    tokens.push_back(
        {token.id, token.content, token.single_word, token.lstrip, token.rstrip, token.normalized, token.special});
  const Json all = {vocabulary, bos.value_or(-1), eos.value_or(-1), tokens};
  return sha256_of_bytes(all.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace unpact
