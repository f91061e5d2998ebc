#include "bpe_model.hpp"

#include <algorithm>

#include "byte_level.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581
constexpr std::size_t kMaxPieceBytes = 1 << 16;
constexpr std::size_t kMaxUnusedIds = 1 << 14;

std::string fallback_piece(unsigned byte) {
  std::string piece = "<0x00>";
  piece[3] = "0123456789ABCDEF"[byte >> 4];
  piece[4] = "0123456789ABCDEF"[byte & 15];
  return piece;
}

}  // namespace

BpeModel::BpeModel(BpeVocabulary vocabulary, const std::string& where) : where_(where) {
  add_pieces(std::move(vocabulary.pieces));
  const auto merges = std::move(vocabulary.merges);
  options_ = std::move(vocabulary);
  options_.pieces.clear();
  options_.merges.clear();
  for (std::size_t id = 0; id < pieces_.size(); ++id) {
    if (pieces_[id].empty()) continue;
    ++count_;
    std::string_view text = pieces_[id];
    if (options_.bytes) {
      auto bytes = byte_level_bytes(text);
      if (!bytes) {  // no text can ever become this piece
        odd_.emplace(text, static_cast<Id>(id));
        continue;
      }
      text = texts_.emplace_back(std::move(*bytes));
    }
    UNPACT_VALIDATE(ids_.emplace(text, static_cast<Id>(id)).second, concat(where_, " is broken"),
                    concat("the piece ", pieces_[id], " appears twice"), "fetch the file again");
  }
  if (options_.merges_by_rank) add_merges_by_rank();
  else add_merges(merges);
  prepare_first_symbols();
}

void BpeModel::add_pieces(std::vector<std::pair<std::string, TokenId>>&& pieces) {
  UNPACT_VALIDATE(!pieces.empty(), concat(where_, " is broken"), "its vocabulary is empty", "fetch the file again");
  TokenId largest = 0;
  for (const auto& [piece, id] : pieces) {
    UNPACT_VALIDATE(id >= 0 && id < kMaxTokenId, concat(where_, " is broken"), concat("a piece has the id ", id),
                    "fetch the file again");
    UNPACT_VALIDATE(!piece.empty() && piece.size() <= kMaxPieceBytes, concat(where_, " is broken"),
                    concat("the piece with id ", id, " has ", piece.size(), " bytes"), "fetch the file again");
    largest = std::max(largest, id);
  }
  // Ids far beyond the number of pieces would make a small file take much memory.
  UNPACT_VALIDATE(static_cast<std::size_t>(largest) < 2 * pieces.size() + kMaxUnusedIds, concat(where_, " is broken"),
                  concat("one of its ", pieces.size(), " pieces has the id ", largest), "fetch the file again");
  pieces_.resize(static_cast<std::size_t>(largest) + 1);
  ids_.reserve(pieces.size());
  for (auto& [piece, id] : pieces) {
    auto& slot = pieces_[static_cast<std::size_t>(id)];
    UNPACT_VALIDATE(slot.empty(), concat(where_, " is broken"), concat("id ", id, " belongs to two pieces"),
                    "fetch the file again");
    slot = std::move(piece);
  }
}

void BpeModel::add_merges(const std::vector<std::pair<std::string, std::string>>& merges) {
  merges_ = PairTable(merges.size());
  cuts_at_spaces_ = !options_.bytes && find(kSpaceSymbol) != kNone;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const auto a = id_of(left), b = id_of(right), both = id_of(left + right);
    UNPACT_VALIDATE(a && b && both, concat(where_, " is broken"),
                    concat("merge ", rank + 1, ", ", left, " and ", right, ", names an unknown piece"),
                    "fetch the file again");
    merges_.set(static_cast<Id>(*a), static_cast<Id>(*b), Merge{rank} << 32 | static_cast<Id>(*both));
    if (right.starts_with(kSpaceSymbol) && !left.ends_with(kSpaceSymbol)) cuts_at_spaces_ = false;
  }
}

void BpeModel::add_merges_by_rank() {
  struct Pair {
    Id left, right, both;
  };
  std::vector<Pair> pairs;
  for (const auto& [text, id] : ids_)
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const Id left = find(text.substr(0, cut));
      if (left == kNone) continue;
      const Id right = find(text.substr(cut));
      if (right != kNone) pairs.push_back({left, right, id});
    }
  merges_ = PairTable(pairs.size());
  for (const auto& [left, right, both] : pairs) merges_.set(left, right, Merge{both} << 32 | both);
}

void BpeModel::prepare_first_symbols() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    bytes_[byte] = find({&text, 1});
    fallback_[byte] = options_.byte_fallback ? find(fallback_piece(byte)) : kNone;
  }
  if (options_.unknown_piece.empty()) return;
  unknown_ = static_cast<Id>(id_of(options_.unknown_piece).value_or(TokenId{kNone}));
  UNPACT_VALIDATE(unknown_ != kNone, concat(where_, " is broken"),
                  concat("its unknown token ", options_.unknown_piece, " is not in the vocabulary"), "fetch the file again");
}

std::optional<TokenId> BpeModel::id_of(const std::string& piece) const {
  Id id = kNone;
  if (!options_.bytes) {
    id = find(piece);
  } else if (const auto bytes = byte_level_bytes(piece)) {
    id = find(*bytes);
  } else if (const auto it = odd_.find(piece); it != odd_.end()) {
    id = it->second;
  }
  return id == kNone ? std::nullopt : std::optional<TokenId>(id);
}

}  // namespace unpact
