#include <openssl/evp.h>

#include <charconv>

#include "bpe_tokenizer.hpp"
#include "byte_level.hpp"
#include "tokenizer_files.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxFileBytes = 64ULL << 20;
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kSpecialTokens = 256;
// Llama 3's expression, as Meta's llama-models has it.
constexpr const char* kPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

[[noreturn]] void broken(const std::string& where, std::size_t line, const char* reason) {
  throw UserError(concat(where, " is broken"), concat("line ", line, ": ", reason), "fetch the file again");
}

std::string decode_base64(std::string_view text, const std::string& where, std::size_t line) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto* const in = reinterpret_cast<const unsigned char*>(text.data());
  auto* const out = reinterpret_cast<unsigned char*>(bytes.data());
  const int size = text.empty() || text.size() % 4 != 0 ? -1 : EVP_DecodeBlock(out, in, static_cast<int>(text.size()));
  if (size < 0) broken(where, line, "the token is not in base64");
  std::size_t padding = 0;  // OpenSSL counts it as bytes
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

std::pair<std::string, TokenId> parse_line(std::string_view line, const std::string& where, std::size_t number) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || line.size() > kMaxLineBytes) broken(where, number, "expected a token and its rank");
  const auto bytes = decode_base64(line.substr(0, space), where, number);
  const auto rank = line.substr(space + 1);
  TokenId id = -1;
  const auto [end, error] = std::from_chars(rank.data(), rank.data() + rank.size(), id);
  if (bytes.empty() || error != std::errc() || end != rank.data() + rank.size())
    broken(where, number, "expected a token and its rank");
  std::string piece;
  for (const char byte : bytes) piece += byte_level_character(static_cast<unsigned char>(byte));
  return {std::move(piece), id};
}

std::vector<AddedToken> llama3_tokens(TokenId first) {
  std::vector<std::string> names = {"<|begin_of_text|>",
                                    "<|end_of_text|>",
                                    "<|reserved_special_token_0|>",
                                    "<|reserved_special_token_1|>",
                                    "<|finetune_right_pad_id|>",
                                    "<|step_id|>",
                                    "<|start_header_id|>",
                                    "<|end_header_id|>",
                                    "<|eom_id|>",
                                    "<|eot_id|>",
                                    "<|python_tag|>",
                                    "<|image|>"};
  for (int reserved = 2; names.size() < kSpecialTokens; ++reserved)
    names.push_back(concat("<|reserved_special_token_", reserved, "|>"));
  std::vector<AddedToken> tokens;
  for (auto& name : names) {
    tokens.push_back({first++, std::move(name)});
    tokens.back().special = true;
  }
  return tokens;
}

}  // namespace

BpeParts read_tiktoken_model(const fs::path& file) { return tiktoken_parts(read_tokenizer_file(file, kMaxFileBytes), file); }

BpeParts tiktoken_parts(std::string_view content, const fs::path& file, std::size_t ranks) {
  const auto where = file.string();
  BpeParts parts;
  parts.kind = "byte-level BPE (tiktoken, Llama 3)";
  parts.path = file;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    auto end = std::min(content.find('\n', begin), content.size());
    auto line = content.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) parts.vocabulary.pieces.push_back(parse_line(line, where, number));
  }
  UNPACT_VALIDATE(parts.vocabulary.pieces.size() == ranks, concat(where, " is not Llama 3's tokenizer.model"),
                  concat("it has ", parts.vocabulary.pieces.size(), " tokens in tiktoken's format, not ", ranks),
                  "check that the file is complete; for other models use their tokenizer.json");
  parts.vocabulary.ignore_merges = true;
  parts.vocabulary.merges_by_rank = true;
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const Json split = {{"type", "Split"}, {"pattern", {{"Regex", kPattern}}}, {"behavior", "Isolated"}};
  parts.pre_tokenizer = {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level})}};
  parts.decoder = byte_level;
  parts.added = llama3_tokens(static_cast<TokenId>(ranks));
  parts.prefix = {"<|begin_of_text|>"};
  parts.checksum = sha256_of_bytes(content);
  return parts;
}

}  // namespace unpact
