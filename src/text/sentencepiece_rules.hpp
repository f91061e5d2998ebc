#pragma once
#include <string>
#include <string_view>

namespace unpact {

inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581, how SentencePiece writes a space

/// What of a SentencePiece model decides whether its words can be encoded one by one.
struct SentencePieceRules {
  /// Whether the pieces of a text are those of its words, a word being what follows a run of spaces, and that run.
  /// It is so when
  /// - it is a BPE model: each merge sees two neighbours and a score, while Unigram adds scores up along the whole text,
  ///   whose rounding decides ties;
  /// - text is not normalized, but for writing spaces as U+2581 and putting one in front: no character is changed, taken
  ///   away or joined with its neighbour;
  /// - no piece has U+2581 behind another character: no merge crosses the beginning of a word. A run of spaces is never
  ///   cut, since it may be one piece;
  /// - U+2581 itself is a piece: what a word begins with is known, so that no run of unknown characters, which melt into
  ///   one token, crosses its beginning either;
  /// - there are no user-defined pieces, which are found in the text before anything is merged, and no unused ones, which
  ///   are taken apart by the merges that happened to make them last, wherever in the text.
  bool words_stand_alone = false;
  bool dummy_prefix = true;  ///< a space is put in front of a text
};

/// @param model the bytes of tokenizer.model. @throws UserError naming `where` when they are no protobuf message.
SentencePieceRules read_sentencepiece_rules(std::string_view model, const std::string& where);

}  // namespace unpact
