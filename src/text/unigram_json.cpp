#include "unigram_json.hpp"

#include <openssl/evp.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <set>

#include "bpe_file.hpp"
#include "bpe_tokenizer.hpp"
#include "components.hpp"
#include "special_tokens.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

const Json& part(const Json& json, const char* key) {
  static const Json none;
  if (!json.is_object()) return none;
  const auto it = json.find(key);
  return it == json.end() ? none : *it;
}

[[noreturn]] void broken(const std::string& where, const std::string& reason) {
  throw UserError(concat(where, " is broken"), reason, "fetch the file again");
}

[[noreturn]] void refuse(const std::string& where, const std::string& reason) {
  throw UserError(concat(where, ": the tokenizer is not supported"), reason,
                  "use a Unigram tokenizer as T5 has, or a model with a BPE tokenizer");
}

// sentencepiece_model.proto, as far as it is written here.
constexpr int kPieces = 1, kTrainer = 2, kNormalizer = 3;
constexpr std::uint64_t kNormal = 1, kUnknown = 2, kControl = 3;

class Message {
 public:
  void integer(int field, std::uint64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3U);
    varint(value);
  }
  void bytes(int field, std::string_view value) {
    varint((static_cast<std::uint64_t>(field) << 3U) | 2U);
    varint(value.size());
    text_ += value;
  }
  void real(int field, float value) {
    varint((static_cast<std::uint64_t>(field) << 3U) | 5U);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; ++i) text_ += static_cast<char>((bits >> (8 * i)) & 0xFFU);
  }
  const std::string& text() const { return text_; }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) text_ += static_cast<char>((value & 0x7FU) | 0x80U);
    text_ += static_cast<char>(value);
  }
  std::string text_;
};

std::string decoded_map(const std::string& text, const std::string& where) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = text.size() % 4 != 0 ? -1
                   : text.empty()
                       ? 0
                       : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                         reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) broken(where, "precompiled_charsmap is not in base64");
  std::size_t padding = 0;  // OpenSSL counts it as bytes
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

/// The normalizer's table; runs of spaces become one in any case.
std::string character_map(const Json& normalizer, const std::string& where) {
  std::string map;
  for (const Json* step : steps_of(normalizer, "normalizers", where)) {
    const auto type = require_string(*step, "type", where);
    if (type == "Precompiled") map = decoded_map(string_or(*step, "precompiled_charsmap", "", where), where);
    else if (type != "Replace" && type != "Strip") refuse_component("normalizer", type, where);
  }
  return map;
}

void check_pre_tokenizer(const Json& pre_tokenizer, const std::string& where) {
  bool marks_words = false;
  for (const Json* step : steps_of(pre_tokenizer, "pretokenizers", where)) {
    const auto type = require_string(*step, "type", where);
    if (type != "Metaspace" && type != "WhitespaceSplit") refuse_component("pre-tokenizer", type, where);
    marks_words = marks_words || type == "Metaspace";
  }
  if (!marks_words) refuse(where, "its pre-tokenizer does not mark the words of a Unigram model (Metaspace)");
}

std::vector<std::string> suffix_of(const Json& post_processor, const std::string& where) {
  std::vector<std::string> suffix;
  for (const Json* step : steps_of(post_processor, "processors", where)) {
    const auto type = require_string(*step, "type", where);
    if (type != "TemplateProcessing") refuse_component("post-processor", type, where);
    bool behind = false;
    for (const auto& entry : part(*step, "single")) {
      if (!part(entry, "Sequence").is_null()) behind = true;
      else if (behind && part(entry, "SpecialToken").is_object())
        suffix.push_back(require_string(part(entry, "SpecialToken"), "id", where));
      else refuse(where, "its template puts tokens in front of a text");
    }
  }
  return suffix;
}

std::string piece_message(const Json& entry, std::uint64_t type, const std::string& where) {
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
    broken(where, "an entry of the vocabulary is no pair of a piece and its score");
  const auto score = entry[1].get<double>();
  if (!std::isfinite(score)) broken(where, "a score of the vocabulary is not finite");
  Message message;
  message.bytes(1, entry[0].get<std::string>());
  message.real(2, static_cast<float>(score));
  message.integer(3, type);
  return message.text();
}

std::string model_of(const Json& rest, const std::vector<AddedToken>& added, const std::string& where) {
  const auto& model = part(rest, "model");
  const auto& vocabulary = part(model, "vocab");
  if (!vocabulary.is_array() || vocabulary.empty()) broken(where, "its Unigram model has no vocabulary");
  if (bool_or(model, "byte_fallback", false, where)) refuse(where, "its Unigram model falls back to bytes");
  const auto unknown = integer_or(model, "unk_id", -1, where);
  if (unknown < 0 || unknown >= static_cast<std::int64_t>(vocabulary.size()))
    broken(where, "its Unigram model names no unknown piece");
  std::set<std::string> named;
  for (const auto& token : added) named.insert(token.content);
  std::set<std::string> seen;
  Message all;
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    const auto& entry = vocabulary[id];
    const bool is_named =
        entry.is_array() && !entry.empty() && entry[0].is_string() && named.count(entry[0].get<std::string>()) != 0;
    const bool is_new =
        !entry.is_array() || entry.empty() || !entry[0].is_string() || seen.insert(entry[0].get<std::string>()).second;
    if (!is_new) broken(where, concat("piece ", entry[0].get<std::string>(), " appears twice"));
    const auto type = static_cast<std::int64_t>(id) == unknown ? kUnknown : is_named ? kControl : kNormal;
    all.bytes(kPieces, piece_message(entry, type, where));
  }
  Message trainer;
  trainer.integer(3, 1);  // model_type: unigram
  Message normalizer;
  normalizer.bytes(1, "nmt_nfkc");
  normalizer.bytes(2, character_map(part(rest, "normalizer"), where));
  for (const int rule : {3, 4, 5})
    normalizer.integer(rule, 1);  // add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces
  all.bytes(kTrainer, trainer.text());
  all.bytes(kNormalizer, normalizer.text());
  return all.text();
}

}  // namespace

bool is_unigram(std::string_view content, const std::string& where) {
  // Most files are large and of another kind: no second look at those.
  if (content.find("\"Unigram\"") == std::string_view::npos && content.find("\"unk_id\"") == std::string_view::npos)
    return false;
  const auto json = parse_tokenizer_json(content, where);
  const auto& model = part(json.rest, "model");
  return string_or(model.is_object() ? model : Json::object(), "type", "", where) == "Unigram" ||
         part(model, "vocab").is_array();
}

UnigramParts unigram_parts(std::string_view content, const std::string& where) {
  const auto json = parse_tokenizer_json(content, where);
  UnigramParts parts;
  const auto& added = part(json.rest, "added_tokens");
  if (!added.is_null() && !added.is_array()) broken(where, "added_tokens is no list");
  for (const auto& entry : added) parts.added.push_back(read_added_token(entry, require_integer(entry, "id", where), where));
  check_pre_tokenizer(part(json.rest, "pre_tokenizer"), where);
  parts.suffix = suffix_of(part(json.rest, "post_processor"), where);
  parts.model = model_of(json.rest, parts.added, where);
  return parts;
}

}  // namespace unpact
