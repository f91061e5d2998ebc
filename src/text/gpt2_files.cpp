#include "bpe_file.hpp"
#include "bpe_tokenizer.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxFileBytes = 64ULL << 20;

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

}  // namespace

BpeParts read_vocabulary_and_merges(const fs::path& folder) {
  return vocabulary_and_merges_parts(read_file(folder / "vocab.json", kMaxFileBytes),
                                     read_file(folder / "merges.txt", kMaxFileBytes), folder);
}

BpeParts vocabulary_and_merges_parts(const std::string& vocabulary, const std::string& merges, const fs::path& folder) {
  const auto vocabulary_file = folder / "vocab.json", merges_file = folder / "merges.txt";
  BpeParts parts;
  parts.kind = "byte-level BPE (vocab.json and merges.txt)";
  parts.path = vocabulary_file;
  parts.vocabulary.pieces = parse_vocabulary_json(vocabulary, vocabulary_file.string());
  parts.vocabulary.merges = parse_merges(merges, merges_file.string());
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  parts.pre_tokenizer = byte_level;
  parts.decoder = byte_level;
  for (const auto& [piece, id] : parts.vocabulary.pieces)  // GPT-2's only special token
    if (piece == "<|endoftext|>") {
      parts.added.push_back({id, piece});
      parts.added.back().special = true;
    }
  parts.checksum = sha256_of_bytes(vocabulary + merges);
  return parts;
}

}  // namespace unpact
