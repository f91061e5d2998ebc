#include "sentencepiece_rules.hpp"

#include "protobuf_fields.hpp"

namespace unpact {
namespace {

// Field numbers and values of sentencepiece_model.proto. A repeated field counts as it stands last; messages merge.
constexpr std::uint64_t kPieces = 1, kTrainer = 2, kNormalizer = 3;  // of ModelProto
constexpr std::uint64_t kPiece = 1, kType = 3;                       // of SentencePiece
constexpr std::uint64_t kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6;
constexpr std::uint64_t kModelType = 3, kWhitespaceAsSuffix = 24;  // of TrainerSpec
constexpr std::uint64_t kBpe = 2;
constexpr std::uint64_t kCharacterMap = 2, kDummyPrefix = 3, kRemoveExtraSpaces = 4, kEscapeSpaces = 5;  // of NormalizerSpec

class RuleReader {
 public:
  explicit RuleReader(const std::string& where) : where_(where) {}

  void trainer(std::string_view message) {
    ProtobufFields fields(message, where_);
    while (const auto field = fields.next()) {
      if (field->number == kModelType && field->integer) model_type_ = *field->integer;
      if (field->number == kWhitespaceAsSuffix && field->integer) space_as_suffix_ = *field->integer != 0;
    }
  }

  void normalizer(std::string_view message) {
    ProtobufFields fields(message, where_);
    while (const auto field = fields.next()) {
      if (field->number == kCharacterMap && field->bytes) maps_characters_ = !field->bytes->empty();
      if (field->number == kDummyPrefix && field->integer) dummy_prefix_ = *field->integer != 0;
      if (field->number == kRemoveExtraSpaces && field->integer) removes_spaces_ = *field->integer != 0;
      if (field->number == kEscapeSpaces && field->integer) escapes_spaces_ = *field->integer != 0;
    }
  }

  void piece(std::string_view message) {
    ProtobufFields fields(message, where_);
    std::string_view text;
    std::uint64_t type = kNormal;
    while (const auto field = fields.next()) {
      if (field->number == kPiece && field->bytes) text = *field->bytes;
      if (field->number == kType && field->integer) type = *field->integer;
    }
    if (type == kUnknown || type == kControl || type == kByte) return;
    if (type != kNormal || has_space_inside(text)) pieces_fit_ = false;
    if (text == kSpaceSymbol) knows_space_ = true;
  }

  SentencePieceRules rules() const {
    const bool keeps_text = !maps_characters_ && !removes_spaces_ && escapes_spaces_ && !space_as_suffix_;
    return {model_type_ == kBpe && keeps_text && pieces_fit_ && knows_space_, dummy_prefix_};
  }

 private:
  static bool has_space_inside(std::string_view text) {
    while (text.starts_with(kSpaceSymbol)) text.remove_prefix(kSpaceSymbol.size());
    return text.find(kSpaceSymbol) != std::string_view::npos;
  }

  const std::string& where_;
  std::uint64_t model_type_ = 1;
  bool space_as_suffix_ = false, maps_characters_ = false, dummy_prefix_ = true, removes_spaces_ = true,
       escapes_spaces_ = true;
  bool pieces_fit_ = true, knows_space_ = false;
};

}  // namespace

SentencePieceRules read_sentencepiece_rules(std::string_view model, const std::string& where) {
  RuleReader reader(where);
  ProtobufFields fields(model, where);
  while (const auto field = fields.next()) {
    if (!field->bytes) continue;
    if (field->number == kPieces) reader.piece(*field->bytes);
    if (field->number == kTrainer) reader.trainer(*field->bytes);
    if (field->number == kNormalizer) reader.normalizer(*field->bytes);
  }
  return reader.rules();
}

}  // namespace unpact
