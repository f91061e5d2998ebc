#include "bpe_file.hpp"
#include "bpe_tokenizer.hpp"
#include "tokenizer_files.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxFileBytes = 256ULL << 20;  // the largest published ones have some 35 MB

const Json& part(const Json& json, const char* key) {
  static const Json none;
  const auto it = json.find(key);
  return it == json.end() ? none : *it;
}

[[noreturn]] void refuse(const std::string& where, const std::string& reason) {
  throw UserError(concat(where, ": the tokenizer is not supported"), reason,
                  "use a model with a BPE tokenizer as Llama, Mistral, Qwen and GPT-2 have");
}

/// Files of older versions do not name the kind: only a BPE model has merges.
std::string kind_of(const Json& model, const std::string& where) {
  if (model.contains("type")) return require_string(model, "type", where);
  return model.contains("merges") ? "BPE" : part(model, "vocab").is_array() ? "Unigram" : "WordPiece or WordLevel";
}

BpeVocabulary read_model(const Json& model, const std::string& where) {
  UNPACT_VALIDATE(model.is_object(), concat(where, " is not a tokenizer.json"), "it has no object 'model'",
                  "check that this is the right file");
  const auto kind = kind_of(model, where);
  if (kind != "BPE") refuse(where, concat("its model is of kind ", kind, ", and only BPE is"));
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const auto mark = string_or(model, key, "", where); !mark.empty())
      refuse(where, concat("its BPE model has the ", key, " ", mark));
  if (number_or(model, "dropout", 0.0, where) != 0.0) refuse(where, "its BPE model drops merges at random");
  BpeVocabulary vocabulary;
  vocabulary.unknown_piece = string_or(model, "unk_token", "", where);
  vocabulary.fuse_unknown = bool_or(model, "fuse_unk", false, where);
  vocabulary.byte_fallback = bool_or(model, "byte_fallback", false, where);
  vocabulary.ignore_merges = bool_or(model, "ignore_merges", false, where);
  return vocabulary;
}

std::vector<AddedToken> read_added_tokens(const Json& list, const std::string& where) {
  std::vector<AddedToken> tokens;
  if (list.is_null()) return tokens;
  UNPACT_VALIDATE(list.is_array(), concat(where, " is broken"), "added_tokens is no list", "fetch the file again");
  for (const auto& entry : list) tokens.push_back(read_added_token(entry, require_integer(entry, "id", where), where));
  return tokens;
}

/// The special tokens that a template puts around a single text.
void read_template(const Json& step, BpeParts& parts, const std::string& where) {
  const Json& single = part(step, "single");
  UNPACT_VALIDATE(single.is_array(), concat(where, " is broken"), "a template has no list 'single'", "fetch the file again");
  bool behind = false;
  for (const auto& entry : single) {
    if (entry.is_object() && entry.contains("Sequence")) {
      behind = true;
      continue;
    }
    UNPACT_VALIDATE(entry.is_object() && entry.contains("SpecialToken"), concat(where, " is broken"),
                    "a template has an entry of an unknown kind", "fetch the file again");
    (behind ? parts.suffix : parts.prefix).push_back(require_string(entry["SpecialToken"], "id", where));
  }
}

}  // namespace

BpeParts read_tokenizer_json(const fs::path& file) {
  return tokenizer_json_parts(read_tokenizer_file(file, kMaxFileBytes), file);
}

BpeParts tokenizer_json_parts(std::string_view content, const fs::path& file) {
  const auto where = file.string();
  auto json = parse_tokenizer_json(content, where);
  BpeParts parts;
  parts.path = file;
  parts.vocabulary = read_model(part(json.rest, "model"), where);
  parts.vocabulary.pieces = std::move(json.vocabulary);
  parts.vocabulary.merges = std::move(json.merges);
  parts.normalizer = part(json.rest, "normalizer");
  parts.pre_tokenizer = part(json.rest, "pre_tokenizer");
  parts.decoder = part(json.rest, "decoder");
  parts.added = read_added_tokens(part(json.rest, "added_tokens"), where);
  for (const Json* step : steps_of(part(json.rest, "post_processor"), "processors", where)) {
    const auto type = require_string(*step, "type", where);
    if (type == "TemplateProcessing") read_template(*step, parts, where);
    else if (type != "ByteLevel") refuse_component("post-processor", type, where);
  }
  parts.kind = ends_in_byte_level(parts.pre_tokenizer) ? "byte-level BPE (tokenizer.json)" : "BPE (tokenizer.json)";
  parts.checksum = sha256_of_bytes(content);
  return parts;
}

}  // namespace unpact
