#include "sentencepiece_tokenizer.hpp"

#include <algorithm>

#include "sentencepiece_check.hpp"
#include "tokenizer_files.hpp"
#include "unicode.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxModelBytes = 64ULL << 20;  // the largest published models have 5 MB
constexpr std::size_t kMaxTextBytes = 1ULL << 30;       // the library counts bytes in 32 bits
constexpr int kMostCandidates = 1000;                   // for a sentinel; each is compared with the whole vocabulary

/// The library puts a whole character on the last of its byte pieces; here every byte piece gets its own byte.
void spread_bytes(std::vector<ByteSpan>& spans, std::size_t first, std::size_t last) {
  const std::size_t begin = spans[first].begin, pieces = last - first + 1, bytes = spans[last].end - begin;
  for (std::size_t k = 0; k < pieces; ++k)
    spans[first + k] = bytes == pieces ? ByteSpan{begin + k, begin + k + 1} : ByteSpan{begin, begin + bytes};
}

std::optional<TokenId> optional_id(int id) { return id < 0 ? std::nullopt : std::optional<TokenId>(id); }

bool is_space(std::string_view text, std::size_t at) {
  return text[at] == ' ' || text.substr(at, kSpaceSymbol.size()) == kSpaceSymbol;
}

std::size_t space_bytes(std::string_view text, std::size_t at) { return text[at] == ' ' ? 1 : kSpaceSymbol.size(); }

/// The end of the word at `begin`: behind its run of spaces, up to the next one.
std::size_t word_end(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && is_space(text, end)) end += space_bytes(text, end);
  while (end < text.size() && !is_space(text, end)) ++end;
  return end;
}

void append(const Encoding& encoding, std::uint32_t offset, std::vector<Symbol>& symbols) {
  for (std::size_t k = 0; k < encoding.ids.size(); ++k)
    symbols.push_back({static_cast<std::uint32_t>(encoding.ids[k]),
                       static_cast<std::uint32_t>(encoding.spans[k].begin) + offset,
                       static_cast<std::uint32_t>(encoding.spans[k].end) + offset});
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const fs::path& folder)
    : SentencePieceTokenizer(read_tokenizer_file(folder / "tokenizer.model", kMaxModelBytes), folder / "tokenizer.model") {
  files_ = tokenizer_files(folder);
}

SentencePieceTokenizer::SentencePieceTokenizer(const std::string& content, fs::path path) : path_(std::move(path)) {
  load(content);
  rules_ = read_sentencepiece_rules(content, path_.string());
  vocabulary_size_ = processor_.GetPieceSize();
  check_pieces();
  bos_id_ = optional_id(processor_.bos_id());
  eos_id_ = optional_id(processor_.eos_id());
  checksum_ = sha256_of_bytes(content);
  choose_sentinel();
}

void SentencePieceTokenizer::load(const std::string& content) {
  check_sentencepiece_tables(content, path_.string());
  std::string reason;
  try {
    const auto status = processor_.LoadFromSerializedProto(content);
    if (status.ok()) return;
    reason = status.error_message();
  } catch (const std::exception& error) {  // the library's trie throws for pieces that it cannot hold
    reason = error.what();
  }
  throw UserError(concat(path_.string(), " is not a SentencePiece model"), reason,
                  "check that the file is complete; models of tiktoken's kind (Llama 3) are not supported");
}

void SentencePieceTokenizer::check_pieces() const {
  UNPACT_VALIDATE(vocabulary_size_ > 0, concat(path_.string(), " has no pieces"), "its vocabulary is empty",
                  "check that the file is complete");
  for (int id = 0; id < static_cast<int>(vocabulary_size_); ++id)
    UNPACT_VALIDATE(is_valid_utf8(processor_.IdToPiece(id)), concat(path_.string(), " is broken"),
                    concat("piece ", id, " is not UTF-8"), "fetch the file again");
}

Encoding SentencePieceTokenizer::encode(std::string_view text) const {
  UNPACT_VALIDATE(text.size() <= kMaxTextBytes, "a text is too long to tokenize",
                  concat("it has ", text.size(), " bytes, more than ", kMaxTextBytes), "split it into several texts");
  UNPACT_VALIDATE(is_valid_utf8(text), "a text cannot be tokenized", "it is not valid UTF-8", "convert it to UTF-8");
  return rules_.words_stand_alone ? encode_words(text) : encode_whole(text);
}

Encoding SentencePieceTokenizer::encode_words(std::string_view text) const {
  const std::unique_lock lock(cache_mutex_, std::try_to_lock);
  auto* cache = lock.owns_lock() ? &cache_ : nullptr;
  std::vector<Symbol> symbols;
  symbols.reserve(text.size() / 3 + 4);
  const auto first = word_end(text, 0);
  append(encode_whole(text.substr(0, first)), 0, symbols);  // the library puts its space in front of this one as of a text
  for (std::size_t begin = first; begin < text.size();) {
    const auto end = word_end(text, begin);
    encode_word(text.substr(begin, end - begin), static_cast<std::uint32_t>(begin), cache, symbols);
    begin = end;
  }
  Encoding encoding;
  encoding.ids.reserve(symbols.size());
  encoding.spans.reserve(symbols.size());
  for (const auto& symbol : symbols) {
    encoding.ids.push_back(symbol.id);
    encoding.spans.push_back({symbol.begin, symbol.end});
  }
  return encoding;
}

/// A word that begins with a space. Where the library puts a space in front of a text, that one stands for the word's.
void SentencePieceTokenizer::encode_word(std::string_view word, std::uint32_t offset, WordCache* cache,
                                         std::vector<Symbol>& symbols) const {
  if (word.size() > WordCache::kMaxWordBytes) cache = nullptr;
  if (cache != nullptr && cache->append(word, offset, symbols)) return;
  const auto first = symbols.size();
  const auto space = static_cast<std::uint32_t>(rules_.dummy_prefix ? space_bytes(word, 0) : 0);
  if (space == word.size()) {  // the library puts nothing in front of an empty text
    const auto id = static_cast<std::uint32_t>(processor_.PieceToId(std::string(kSpaceSymbol)));
    symbols.push_back({id, offset, offset + space});
  } else {
    append(encode_whole(word.substr(space)), offset + space, symbols);
    symbols[first].begin = offset;
  }
  if (cache != nullptr) cache->insert(word, offset, symbols, first);
}

Encoding SentencePieceTokenizer::encode_whole(std::string_view text) const {
  sentencepiece::ImmutableSentencePieceText result;
  const auto status = processor_.Encode(text, result.mutable_proto());
  // What the library cannot do with valid text is the fault of the model's tables.
  UNPACT_VALIDATE(status.ok(), concat(path_.string(), " cannot encode a text"), status.error_message(),
                  "fetch the file again");
  Encoding encoding;
  encoding.ids.reserve(result.pieces_size());
  encoding.spans.reserve(result.pieces_size());
  std::size_t first_byte = 0;  // of the byte pieces that share one character
  for (std::size_t i = 0; i < result.pieces_size(); ++i) {
    const auto piece = result.pieces(static_cast<int>(i));
    const int id = static_cast<int>(piece.id());
    encoding.ids.push_back(id);
    encoding.spans.push_back({piece.begin(), piece.end()});
    if (!processor_.IsByte(id)) {
      first_byte = i + 1;
    } else if (piece.end() > piece.begin()) {
      spread_bytes(encoding.spans, first_byte, i);
      first_byte = i + 1;
    }
  }
  return encoding;
}

bool SentencePieceTokenizer::stays_alone(const std::string& sentinel) const {
  // It must be known (runs of unknown characters melt together) and part of no longer piece (else it could merge).
  const auto alone = encode(sentinel);
  if (alone.ids.empty() || processor_.IsUnknown(static_cast<int>(alone.ids.back()))) return false;
  for (int id = 0; id < static_cast<int>(vocabulary_size_); ++id) {
    const auto& piece = processor_.IdToPiece(id);
    if (!processor_.IsControl(id) && piece != sentinel && piece.find(sentinel) != std::string::npos) return false;
  }
  for (const char* text : {"a", " a", "1", " 1", "\n", "  \n", "\xC3\xA9"}) {
    const auto encoding = encode(sentinel + text);
    const auto own = alone.ids.size();
    if (encoding.ids.size() < own || (encoding.ids.size() > own && encoding.spans[own].begin < sentinel.size()))
      return false;
    if (!std::equal(alone.ids.begin(), alone.ids.end(), encoding.ids.begin())) return false;
  }
  return true;
}

void SentencePieceTokenizer::choose_sentinel() {
  // A line feed, which Llama-type models spell as a byte; else a character, from the end, where the rare ones are.
  std::string candidate(1, '\n');
  int tried = 0;
  for (int id = static_cast<int>(vocabulary_size_); id >= 0 && tried < kMostCandidates; --id) {
    if (id < static_cast<int>(vocabulary_size_)) candidate = processor_.IdToPiece(id);
    const bool text = id == static_cast<int>(vocabulary_size_) ||
                      !(processor_.IsControl(id) || processor_.IsUnknown(id) || processor_.IsByte(id));
    if (!text || count_characters(candidate) != 1 || candidate == kSpaceSymbol) continue;
    ++tried;
    if (!stays_alone(candidate)) continue;
    return use_sentinel(candidate);
  }
  const std::string unused = "\xEE\x80\x80";  // for private use: no piece holds it, and byte fallback spells it alone
  if (stays_alone(unused)) use_sentinel(unused);
}

void SentencePieceTokenizer::use_sentinel(const std::string& sentinel) {
  sentinel_ = sentinel;
  sentinel_tokens_ = encode(sentinel).ids.size();
}

std::vector<TokenId> SentencePieceTokenizer::encode_continuation(std::string_view text) const {
  return encode_continuing(text).ids;
}

Encoding SentencePieceTokenizer::encode_continuing(std::string_view text) const {
  UNPACT_VALIDATE(!sentinel_.empty(), concat(path_.string(), " cannot encode a text that continues another one"),
                  "no character of its vocabulary stays a token of its own", "use a model with byte fallback");
  if (text.empty()) return {};
  const auto encoding = encode(concat(sentinel_, text));
  std::size_t own = sentinel_tokens_;  // not counted by spans: some of a text's first tokens may have no bytes
  UNPACT_VALIDATE(
      own == encoding.ids.size() || (own < encoding.ids.size() && encoding.spans[own].begin >= sentinel_.size() &&
                                     encoding.spans[own - 1].end <= sentinel_.size()),
      concat(path_.string(), " cannot encode a text that continues another one"),
      concat("its rules join the text's beginning with what stands in front: ", shortened(text)),
      "use the model's original tokenizer");
  Encoding rest;
  for (; own < encoding.ids.size(); ++own) {
    rest.ids.push_back(encoding.ids[own]);
    rest.spans.push_back({encoding.spans[own].begin - sentinel_.size(), encoding.spans[own].end - sentinel_.size()});
  }
  return rest;
}

std::vector<std::string> SentencePieceTokenizer::control_pieces() const {
  std::vector<std::string> pieces;
  for (int id = 0; id < static_cast<int>(vocabulary_size_); ++id)
    if (processor_.IsControl(id) || processor_.IsUnknown(id)) pieces.push_back(processor_.IdToPiece(id));
  return pieces;
}

std::optional<TokenId> SentencePieceTokenizer::id_of(const std::string& piece) const {
  const int id = processor_.PieceToId(piece);
  return processor_.IdToPiece(id) == piece ? std::optional<TokenId>(id) : std::nullopt;
}

void SentencePieceTokenizer::require_known(TokenId id) const {
  UNPACT_VALIDATE(id >= 0 && id < vocabulary_size_, concat("token id ", id, " is unknown"),
                  concat("the vocabulary of ", path_.string(), " has ", vocabulary_size_, " pieces"),
                  "check that model and tokenizer belong together");
}

std::string SentencePieceTokenizer::decode(const std::vector<TokenId>& ids) const {
  std::vector<int> visible;
  visible.reserve(ids.size());
  for (const TokenId id : ids) {
    require_known(id);
    if (!processor_.IsControl(static_cast<int>(id))) visible.push_back(static_cast<int>(id));
  }
  std::string text;
  const auto status = processor_.Decode(visible, &text);
  if (!status.ok()) throw RuntimeFailure("SentencePiece cannot decode tokens", status.error_message(), "");
  return is_valid_utf8(text) ? text : to_valid_utf8(text);  // what it writes for <unk> comes from the model
}

std::string SentencePieceTokenizer::piece(TokenId id) const {
  require_known(id);
  return replace_all(processor_.IdToPiece(static_cast<int>(id)), kSpaceSymbol, " ");
}

}  // namespace unpact
