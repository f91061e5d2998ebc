#pragma once
/// The parts of a tokenizer.json as the tokenizers package (Hugging Face) defines them: normalizers, pre-tokenizers,
/// decoders. Each is made from its JSON object; the makers throw UserError that names a kind that is not supported.
#include <memory>
#include <string>
#include <vector>

#include "aligned_text.hpp"
#include "regex.hpp"
#include "unpact/core/json.hpp"

namespace unpact {

/// How a text begins: as a text of its own, or as the continuation of another one, where nothing is put in front.
enum class Beginning { own, continuation };

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(AlignedText& text, Beginning beginning) const = 0;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts the words of the text further, and may rewrite them.
  virtual void apply(AlignedText& text, Beginning beginning) const = 0;
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  /// @param most bytes that it may make of the tokens. @throws UserError when it would make more.
  virtual void apply(std::vector<std::string>& tokens, std::size_t most) const = 0;
};

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where);
/// @param spells_bytes says whether ByteLevel spells bytes as printable characters. Where it is the last step the
/// model's vocabulary can be read as bytes instead, which saves that work.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where, bool spells_bytes);
std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where);

/// Whether ByteLevel is the last step of a pre-tokenizer and no other one.
bool ends_in_byte_level(const Json& pre_tokenizer);

/// A component for a person, e.g. "Split(\s+, Isolated) > ByteLevel"; "none" for null.
std::string describe_component(const Json& json);

/// The steps of a Sequence, or the component itself; nothing for null. @throws UserError for what is no component and
/// for more steps than any tokenizer has.
std::vector<const Json*> steps_of(const Json& json, const char* list, const std::string& where);

[[noreturn]] void refuse_component(const std::string& role, const std::string& kind, const std::string& where);

/// The field "pattern", {"String": ...} or {"Regex": ...}. @throws UserError.
Regex read_pattern(const Json& object, const std::string& where);

/// The single character that field `key` holds. @throws UserError.
std::string require_character(const Json& object, const std::string& key, const std::string& where);

}  // namespace unpact
