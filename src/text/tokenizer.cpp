#include "unpact/text/tokenizer.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>

#include "bpe_tokenizer.hpp"
#include "sentencepiece_added.hpp"
#include "sentencepiece_tokenizer.hpp"
#include "tokenizer_files.hpp"
#include "unigram_json.hpp"
#include "unigram_tokenizer.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/foreign_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kUnigramModel = "spiece.model";
constexpr std::uintmax_t kMaxJsonBytes = 256ULL << 20;  // the largest published ones have some 35 MB

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::string beginning_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(512, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  return head;
}

/// Whether the file begins with a token in base64 and its rank.
bool looks_like_tiktoken(const fs::path& file) {
  const auto head = beginning_of(file);
  const auto line = std::string_view(head).substr(0, head.find('\n'));
  const auto space = line.find(' ');
  const auto is_base64 = [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '='; };
  return space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
         std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space), is_base64) &&
         std::isdigit(static_cast<unsigned char>(line[space + 1])) != 0;
}

/// Whether tokenizer.json knows tokens that a SentencePiece model does not find in a text, such as [INST].
bool has_tokens_of_its_own(const BpeParts& parts) {
  return std::any_of(parts.added.begin(), parts.added.end(), [](const AddedToken& token) {
    return token.content != "<unk>" && token.content != "<s>" && token.content != "</s>" && token.content != "<pad>";
  });
}

std::unique_ptr<Tokenizer> make_bpe(BpeParts parts, const fs::path& folder, const TokenizerConfig& config) {
  parts.files = tokenizer_files(folder);
  return std::make_unique<BpeTokenizer>(std::move(parts), config);
}

std::unique_ptr<Tokenizer> make_sentencepiece(const fs::path& folder) {
  auto model = std::make_unique<SentencePieceTokenizer>(folder);
  const auto config = read_tokenizer_config(folder);
  if (!config.exists && config.added.empty()) return model;
  return std::make_unique<AddedSentencePieceTokenizer>(std::move(model), config);
}

/// Of BPE or Unigram kind. Where rules of the latter are not known, the model that it was made from may lie beside it.
std::unique_ptr<Tokenizer> load_json(const fs::path& folder, const TokenizerConfig& config) {
  const auto file = folder / "tokenizer.json";
  const auto content = read_tokenizer_file(file, kMaxJsonBytes);
  if (!is_unigram(content, file.string())) return make_bpe(tokenizer_json_parts(content, file), folder, config);
  if (!is_file(folder / kUnigramModel)) return UnigramTokenizer::from_json(folder, content);
  try {
    return UnigramTokenizer::from_json(folder, content);
  } catch (const UserError&) {
    return UnigramTokenizer::from_model(folder);
  }
}

std::unique_ptr<Tokenizer> load_beside_json(const fs::path& folder) {
  refuse_foreign(beginning_of(folder / "tokenizer.json"), (folder / "tokenizer.json").string());
  try {
    auto parts = read_tokenizer_json(folder / "tokenizer.json");
    if (has_tokens_of_its_own(parts)) return make_bpe(std::move(parts), folder, read_tokenizer_config(folder));
  } catch (const UserError&) {
    // A Unigram tokenizer.json, say, made from the same model: that one is at hand.
  }
  return make_sentencepiece(folder);
}

}  // namespace

// For tokenizers that know no special token by name.
Encoding Tokenizer::encode_around(std::string_view text, const std::vector<ByteSpan>& /*literals*/) const {
  return encode(text);
}

std::vector<TokenId> Tokenizer::encode_continuation_around(std::string_view text,
                                                           const std::vector<ByteSpan>& /*literals*/) const {
  return encode_continuation(text);
}

Encoding Tokenizer::encode_with_special(std::string_view text) const {
  auto encoding = encode(text);
  if (const auto bos = bos_id()) {
    encoding.ids.insert(encoding.ids.begin(), *bos);
    encoding.spans.insert(encoding.spans.begin(), ByteSpan{});
  }
  return encoding;
}

std::unique_ptr<Tokenizer> load_tokenizer(const fs::path& folder) {
  std::error_code ignored;
  UNPACT_VALIDATE(fs::is_directory(folder, ignored), concat("cannot load a tokenizer from ", folder.string()),
                  "there is no such folder", "give the folder of a checkpoint");
  const auto json = folder / "tokenizer.json", model = folder / "tokenizer.model";
  const bool has_model = is_file(model), is_tiktoken = has_model && looks_like_tiktoken(model);
  if (has_model && !is_tiktoken) {
    if (is_file(json)) return load_beside_json(folder);
    return make_sentencepiece(folder);
  }
  auto config = read_tokenizer_config(folder);
  if (is_file(json)) return load_json(folder, config);
  if (is_file(folder / kUnigramModel)) return UnigramTokenizer::from_model(folder);
  if (is_tiktoken) return make_bpe(read_tiktoken_model(model), folder, config);
  if (is_file(folder / "vocab.json") && is_file(folder / "merges.txt")) {
    auto parts = read_vocabulary_and_merges(folder, config);
    return make_bpe(std::move(parts), folder, config);
  }
  throw UserError(concat("cannot load a tokenizer from ", folder.string()),
                  "it has no tokenizer.model, no spiece.model, no tokenizer.json, and not both of vocab.json and merges.txt",
                  "use a model that comes with a SentencePiece or BPE tokenizer");
}

}  // namespace unpact
