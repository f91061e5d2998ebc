#include "unpact/evaluation/judge.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/rouge.hpp"

namespace unpact {
namespace {

/// A character of a text. Bytes that are not UTF-8 have the code `kInvalid`.
struct Character {
  char32_t code;
  std::string_view bytes;
};

constexpr char32_t kInvalid = 0xFFFFFFFF;

Character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const auto bytes = text.substr(at, length);
  if (!is_valid_utf8(bytes)) return {kInvalid, text.substr(at, 1)};
  char32_t code = length == 1 ? lead : lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) code = (code << 6) | (static_cast<unsigned char>(bytes[i]) & 0x3Fu);
  return {code, bytes};
}

void append_utf8(std::string& out, char32_t code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80u | ((code >> shift) & 0x3Fu)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0u | (code >> 6));
    tail(0);
  } else {  // the table of letters stays below U+10000
    out += static_cast<char>(0xE0u | (code >> 12));
    tail(6);
    tail(0);
  }
}

/// Capital letters first, first + step, ... up to last, and how far their lower case is away (Unicode 15).
struct Capitals {
  char32_t first, last;
  int step, distance;
};

constexpr Capitals kCapitals[] = {
    {0x0041, 0x005A, 1, 32},   {0x00C0, 0x00D6, 1, 32},  {0x00D8, 0x00DE, 1, 32},   {0x0100, 0x012E, 2, 1},
    {0x0132, 0x0136, 2, 1},    {0x0139, 0x0147, 2, 1},   {0x014A, 0x0176, 2, 1},    {0x0178, 0x0178, 1, -121},
    {0x0179, 0x017D, 2, 1},    {0x018F, 0x018F, 1, 202}, {0x01A0, 0x01A4, 2, 1},    {0x01AF, 0x01AF, 1, 1},
    {0x01CD, 0x01DB, 2, 1},    {0x01DE, 0x01EE, 2, 1},   {0x01F8, 0x021E, 2, 1},    {0x0222, 0x0232, 2, 1},
    {0x0386, 0x0386, 1, 38},   {0x0388, 0x038A, 1, 37},  {0x038C, 0x038C, 1, 64},   {0x038E, 0x038F, 1, 63},
    {0x0391, 0x03A1, 1, 32},   {0x03A3, 0x03AB, 1, 32},  {0x03C2, 0x03C2, 1, 1},    {0x0400, 0x040F, 1, 80},
    {0x0410, 0x042F, 1, 32},   {0x0460, 0x0480, 2, 1},   {0x048A, 0x04BE, 2, 1},    {0x04C0, 0x04C0, 1, 15},
    {0x04C1, 0x04CD, 2, 1},    {0x04D0, 0x052E, 2, 1},   {0x0531, 0x0556, 1, 48},   {0x1E00, 0x1E94, 2, 1},
    {0x1E9E, 0x1E9E, 1, -7615}, {0x1EA0, 0x1EFE, 2, 1},  {0x212A, 0x212A, 1, -8383}, {0x212B, 0x212B, 1, -8262},
    {0x2160, 0x216F, 1, 16},   {0xFF21, 0xFF3A, 1, 32},
};

std::string lower_case(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = character_at(text, at);
    const auto capitals = std::ranges::find_if(kCapitals, [c = code](const Capitals& range) {
      return c >= range.first && c <= range.last && (c - range.first) % static_cast<char32_t>(range.step) == 0;
    });
    if (code == 0x0130) {
      lower += "i\xCC\x87";  // the one capital whose lower case is two characters: i and a combining dot
    } else if (capitals != std::end(kCapitals)) {
      append_utf8(lower, static_cast<char32_t>(static_cast<int>(code) + capitals->distance));
    } else {
      lower += bytes;
    }
    at += bytes.size();
  }
  return lower;
}

struct CodeRange {
  char32_t first, last;
};

bool is_in(std::span<const CodeRange> ranges, char32_t code) {
  return std::ranges::any_of(ranges, [=](const CodeRange& range) { return code >= range.first && code <= range.last; });
}

/// What Python's str.split() splits at.
constexpr CodeRange kWhiteSpace[] = {{0x09, 0x0D},     {0x1C, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                     {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                     {0x205F, 0x205F}, {0x3000, 0x3000}};

/// Beyond ASCII: marks, punctuation and symbols, none of which is part of a word for a regular expression's \b.
constexpr CodeRange kNotInWords[] = {
    {0x80, 0xA9},     {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},     {0xBF, 0xBF},
    {0xD7, 0xD7},     {0xF7, 0xF7},     {0x0300, 0x036F}, {0x1680, 0x1680}, {0x2000, 0x206F}, {0x20A0, 0x20F0},
    {0x2190, 0x245F}, {0x2500, 0x2775}, {0x2794, 0x2BFF}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0xFE00, 0xFE6F},
    {0xFF01, 0xFF0F}, {0xFFF9, 0xFFFD}, {0x1F300, 0x1FAFF}, {kInvalid, kInvalid}};

bool is_in_word(char32_t code) {
  if (code < 0x80) return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z');
  return !is_in(kNotInWords, code);
}

bool is_ascii_punctuation(char32_t code) {
  return (code >= '!' && code <= '/') || (code >= ':' && code <= '@') || (code >= '[' && code <= '`') ||
         (code >= '{' && code <= '~');
}

std::string without_punctuation(std::string text) {
  // Safe byte by byte: bytes of longer characters are never below 0x80.
  std::erase_if(text, [](char c) { return is_ascii_punctuation(static_cast<unsigned char>(c)); });
  return text;
}

/// Removes articles and squeezes white space in one pass over lower-case text without punctuation.
class WordSqueezer {
 public:
  void take(const Character& character) {
    if (is_in_word(character.code)) {
      word_ += character.bytes;
      return;
    }
    finish_word();
    if (is_in(kWhiteSpace, character.code)) {
      gap_ = true;
    } else {
      append(character.bytes);
    }
  }

  std::string finish() {
    finish_word();
    return std::move(out_);
  }

 private:
  void finish_word() {
    if (word_ == "a" || word_ == "an" || word_ == "the") {
      gap_ = true;  // an article leaves a space
    } else if (!word_.empty()) {
      append(word_);
    }
    word_.clear();
  }

  void append(std::string_view bytes) {
    if (gap_ && !out_.empty()) out_ += ' ';
    gap_ = false;
    out_ += bytes;
  }

  std::string out_, word_;
  bool gap_ = false;
};

/// In the order of Judge::Kind.
const std::vector<std::string> kKinds = {"rouge_l_recall", "rouge_l_f1", "exact_match", "choice"};

/// Scores are quotients, and an F1 that is 1/2 on paper may come out one rounding below it.
constexpr double kRounding = 1e-12;

}  // namespace

std::string normalize_answer(std::string_view text) {
  const auto plain = without_punctuation(lower_case(text));
  WordSqueezer squeezer;
  for (std::size_t at = 0; at < plain.size();) {
    const auto character = character_at(plain, at);
    squeezer.take(character);
    at += character.bytes.size();
  }
  return squeezer.finish();
}

Judge::Judge(JudgeOptions options) : options_(std::move(options)), kind_(Kind::rouge_l_recall) {
  const auto found = std::ranges::find(kKinds, options_.kind);
  const auto near = closest_match(options_.kind, kKinds);
  UNPACT_VALIDATE(found != kKinds.end(), concat("unknown judge '", options_.kind, "'"),
                  concat("the judges of texts are ", join(kKinds, ", ")),
                  near.empty() ? "choose one of them" : concat("did you mean '", near, "'?"));
  UNPACT_VALIDATE(options_.threshold >= 0 && options_.threshold <= 1,  // false for NaN too
                  concat("the judge's threshold is ", options_.threshold), "scores lie between 0 and 1",
                  "choose a threshold in [0, 1], e.g. 0.5");
  kind_ = static_cast<Kind>(found - kKinds.begin());
  UNPACT_VALIDATE(!(options_.stem && compares_whole()), concat("the judge '", options_.kind, "' cannot stem"),
                  "it compares whole texts, not words", "turn stemming off or choose a judge by ROUGE-L");
}

double Judge::score(std::string_view gold, std::string_view answer) const {
  if (kind_ == Kind::choice) return gold == answer ? 1 : 0;
  if (kind_ == Kind::exact_match) return normalize_answer(gold) == normalize_answer(answer) ? 1 : 0;
  const auto rouge = rouge_l(gold, answer, options_.stem ? Stemming::porter : Stemming::off);
  return kind_ == Kind::rouge_l_recall ? rouge.recall : rouge.f1;
}

bool Judge::passes(double score) const {
  if (compares_whole()) return score == 1;
  return score >= options_.threshold - kRounding;
}

std::string Judge::describe() const {
  if (compares_whole()) return options_.kind;
  return concat(options_.kind, " >= ", options_.threshold, options_.stem ? " (stemmed)" : "");
}

}  // namespace unpact
