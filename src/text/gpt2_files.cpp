#include <algorithm>
#include <unordered_map>

#include "bpe_file.hpp"
#include "bpe_tokenizer.hpp"
#include "tokenizer_files.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxFileBytes = 64ULL << 20;
constexpr const char* kEndOfText = "<|endoftext|>";

std::vector<std::pair<std::string, std::string>> parse_merges(const std::string& content, const std::string& where) {
  UNPACT_VALIDATE(is_valid_utf8(content), concat(where, " is broken"), "it is not valid UTF-8", "fetch the file again");
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::size_t begin = 0; begin < content.size();) {
    const auto end = std::min(content.find('\n', begin), content.size());
    auto line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(parse_merge(line, where));
  }
  return merges;
}

/// What a class of transformers does around vocab.json and merges.txt (transformers 5, models/*/tokenization_*.py).
struct ClassRules {
  const char* name;
  const char* expression;  ///< null: GPT-2's
  bool composes;           ///< NFC
  bool has_bos;            ///< names <|endoftext|> as BOS, too, where nothing else is said
  const char* padding;     ///< what it pads with where nothing else is said; null: with nothing
};
constexpr const char* kQwenExpression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr ClassRules kClasses[] = {{"GPT2Tokenizer", nullptr, false, true, nullptr},
                                   {"CodeGenTokenizer", nullptr, false, true, nullptr},
                                   {"GPTNeoXTokenizer", nullptr, true, true, "<|padding|>"},
                                   {"Qwen2Tokenizer", kQwenExpression, true, false, kEndOfText}};

const ClassRules& rules_of(const std::string& name, const fs::path& folder) {
  if (name.empty()) return kClasses[0];
  const auto* const found =
      std::ranges::find(kClasses, name, [](const ClassRules& rules) { return std::string_view(rules.name); });
  UNPACT_VALIDATE(found != std::end(kClasses), concat("cannot load a tokenizer from ", folder.string()),
                  concat("it has vocab.json and merges.txt alone, and how its class ", name, " cuts a text is not known"),
                  "save it with its tokenizer.json (a fast tokenizer of transformers)");
  return *found;
}

/// The class that transformers takes where no tokenizer_config.json names one: that of the model; empty where none is known.
std::string class_of_model(const fs::path& folder) {
  const auto file = folder / "config.json";
  if (!fs::is_regular_file(file)) return "";
  const auto type =
      string_or(parse_json(read_tokenizer_file(file, kMaxFileBytes), file.string()), "model_type", "", file.string());
  if (type.starts_with("qwen2") || type.starts_with("qwen3")) return "Qwen2Tokenizer";
  if (type == "gpt_neox" || type == "olmo") return "GPTNeoXTokenizer";
  return "";
}

/// What the class names where the files do not; a file's null counts.
void add_defaults_of_class(const ClassRules& rules, TokenizerConfig& config) {
  const auto name = [&](const char* key, const char* text) {
    if (text != nullptr) config.named.try_emplace(key, text);
  };
  name("unk_token", kEndOfText);
  name("eos_token", kEndOfText);
  name("bos_token", rules.has_bos ? kEndOfText : nullptr);
  name("pad_token", rules.padding);
  config.eos = config.named.at("eos_token");
  if (const auto bos = config.named.find("bos_token"); bos != config.named.end()) config.bos = bos->second;
  config.exists = true;
}

/// All that are named, and what the class names by default.
void add_special_tokens(const ClassRules& rules, TokenizerConfig& config, BpeParts& parts) {
  std::unordered_map<std::string_view, TokenId> ids;
  TokenId size = 0;
  for (const auto& [piece, id] : parts.vocabulary.pieces) {
    ids.emplace(piece, id);
    if (id >= 0 && id < kMaxTokenId) size = std::max(size, id + 1);  // others are refused with the vocabulary
  }
  const auto id_of = [&](const std::string& piece) {
    const auto found = ids.find(piece);
    return found == ids.end() ? std::nullopt : std::optional(found->second);
  };
  if (config.exists || !config.tokenizer_class.empty()) add_defaults_of_class(rules, config);
  else if (id_of(kEndOfText)) config.additional.emplace_back(kEndOfText);  // a vocabulary alone, perhaps another class's
  parts.added = with_named_specials(config, size, id_of);
  if (config.add_bos.value_or(false) && config.bos) parts.prefix = {*config.bos};
}

}  // namespace

BpeParts read_vocabulary_and_merges(const fs::path& folder, TokenizerConfig& config) {
  if (config.tokenizer_class.empty()) config.tokenizer_class = class_of_model(folder);
  return vocabulary_and_merges_parts(read_tokenizer_file(folder / "vocab.json", kMaxFileBytes),
                                     read_tokenizer_file(folder / "merges.txt", kMaxFileBytes), folder, config);
}

BpeParts vocabulary_and_merges_parts(const std::string& vocabulary, const std::string& merges, const fs::path& folder,
                                     TokenizerConfig& config) {
  const auto& rules = rules_of(config.tokenizer_class, folder);
  const auto vocabulary_file = folder / "vocab.json", merges_file = folder / "merges.txt";
  BpeParts parts;
  parts.kind = concat("byte-level BPE (vocab.json and merges.txt, ", rules.name, ")");
  parts.path = vocabulary_file;
  parts.vocabulary.pieces = parse_vocabulary_json(vocabulary, vocabulary_file.string());
  parts.vocabulary.merges = parse_merges(merges, merges_file.string());
  Json byte_level = {{"type", "ByteLevel"},
                     {"add_prefix_space", config.add_prefix_space.value_or(false)},
                     {"use_regex", rules.expression == nullptr}};
  parts.decoder = byte_level;
  parts.pre_tokenizer = byte_level;
  if (rules.expression != nullptr) {
    const Json split = {{"type", "Split"}, {"pattern", {{"Regex", rules.expression}}}, {"behavior", "Isolated"}};
    parts.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level})}};
  }
  if (rules.composes) parts.normalizer = {{"type", "NFC"}};
  add_special_tokens(rules, config, parts);
  parts.checksum = sha256_of_bytes(vocabulary + merges);
  return parts;
}

}  // namespace unpact
