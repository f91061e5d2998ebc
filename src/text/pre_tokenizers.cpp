#include <algorithm>
#include <array>

#include "byte_level.hpp"
#include "components.hpp"
#include "split_behavior.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

// ByteLevel's own expression (GPT-2).
constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// Cuts every word at the matches of an expression.
class Split final : public PreTokenizer {
 public:
  Split(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(AlignedText& text, Beginning) const override {
    std::vector<ByteSpan> words, matches;
    words.reserve(text.bytes().size() / 4 + 4);
    for (const auto& word : text.words) {
      pattern_.find_all(text.view(word), matches);
      split_word(word, matches, behavior_, invert_, words);
    }
    text.words = std::move(words);
  }

 private:
  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

/// Puts `prefix` (one character) in front of each word that `wants` it.
template <class Wants>
void prepend_to_words(AlignedText& text, const std::string& prefix, const Wants& wants) {
  const std::vector<ByteSpan> old = text.words;
  if (std::none_of(old.begin(), old.end(), wants)) return;
  const std::string bytes = text.bytes();
  const char32_t c = code_point_at(prefix, 0).value;
  Rewriter rewriter(text);
  std::vector<ByteSpan> words;
  for (const auto& word : old) {
    rewriter.copy_to(word.begin);
    const std::size_t begin = rewriter.written();
    if (wants(word)) {
      rewriter.replace(c);
      rewriter.insert(code_point_at(bytes, word.begin).value);
    }
    rewriter.copy_to(word.end);
    words.push_back({begin, rewriter.written()});
  }
  rewriter.finish();
  text.words = std::move(words);
}

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex, bool spells) : prefix_(add_prefix_space), spells_(spells) {
    if (use_regex)
      split_ = std::make_unique<Split>(Regex::of_pattern(kGpt2Pattern, "ByteLevel"), SplitBehavior::isolated, false);
  }

  void apply(AlignedText& text, Beginning beginning) const override {
    if (prefix_)
      prepend_to_words(text, " ", [&](const ByteSpan& word) {
        return text.bytes()[word.begin] != ' ' && !(beginning == Beginning::continuation && text.at_start(word));
      });
    if (split_) split_->apply(text, beginning);
    if (spells_) spell(text);
  }

 private:
  static void spell(AlignedText& text) {
    const std::string bytes = text.bytes();
    Rewriter rewriter(text);
    for (auto& word : text.words) {
      rewriter.drop_to(word.begin);
      const ByteSpan old = word;
      word.begin = rewriter.written();
      for (std::size_t at = old.begin; at < old.end; ++at)
        rewriter.map_byte(byte_level_character(static_cast<unsigned char>(bytes[at])));
      word.end = rewriter.written();
    }
    rewriter.drop_to(bytes.size());
    rewriter.finish();
  }

  bool prefix_, spells_;
  std::unique_ptr<Split> split_;
};

class Metaspace final : public PreTokenizer {
 public:
  enum class Scheme { always, first, never };
  Metaspace(std::string replacement, Scheme scheme, bool split, const std::string& where)
      : replacement_(std::move(replacement)), scheme_(scheme) {
    if (split)
      split_ = std::make_unique<Split>(Regex::of_literal(replacement_, where), SplitBehavior::merged_with_next, false);
  }

  void apply(AlignedText& text, Beginning beginning) const override {
    replace_spaces(text);
    prepend_to_words(text, replacement_, [&](const ByteSpan& word) {
      const bool at_start = text.at_start(word);
      if (scheme_ == Scheme::never || (scheme_ == Scheme::first && !at_start)) return false;
      if (beginning == Beginning::continuation && at_start) return false;
      return text.bytes().compare(word.begin, replacement_.size(), replacement_) != 0;
    });
    if (split_) split_->apply(text, beginning);
  }

 private:
  void replace_spaces(AlignedText& text) const {
    if (text.bytes().find(' ') == std::string::npos) return;
    const std::string bytes = text.bytes();
    Rewriter rewriter(text);
    for (auto& word : text.words) {
      const ByteSpan old = word;
      rewriter.copy_to(old.begin);
      word.begin = rewriter.written();
      for (std::size_t at = old.begin; (at = std::min(bytes.find(' ', at), old.end)) < old.end; ++at) {
        rewriter.copy_to(at);
        rewriter.replace_to(at + 1, replacement_);
      }
      rewriter.copy_to(old.end);
      word.end = rewriter.written();
    }
    rewriter.finish();
  }

  std::string replacement_;
  Scheme scheme_;
  std::unique_ptr<Split> split_;
};

class Steps final : public PreTokenizer {
 public:
  explicit Steps(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(AlignedText& text, Beginning beginning) const override {
    for (const auto& step : steps_) step->apply(text, beginning);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

std::unique_ptr<PreTokenizer> built_in(const std::string& pattern, SplitBehavior behavior, bool invert = false) {
  return std::make_unique<Split>(Regex::of_pattern(pattern, "a built-in expression"), behavior, invert);
}

std::unique_ptr<PreTokenizer> make_metaspace(const Json& json, const std::string& where) {
  const auto replacement = require_character(json, "replacement", where);
  // Files of older versions say add_prefix_space instead of a scheme.
  const bool prefix = bool_or(json, "add_prefix_space", true, where);
  const auto name = string_or(json, "prepend_scheme", prefix ? "always" : "never", where);
  UNPACT_VALIDATE(name == "always" || name == "first" || name == "never",
                  concat(where, ": field 'prepend_scheme' is broken"), concat("it is ", name), "fetch the file again");
  const auto scheme = name == "always"  ? Metaspace::Scheme::always
                      : name == "first" ? Metaspace::Scheme::first
                                        : Metaspace::Scheme::never;
  return std::make_unique<Metaspace>(replacement, scheme, bool_or(json, "split", true, where), where);
}

std::unique_ptr<PreTokenizer> make_step(const Json& json, const std::string& where, bool spells_bytes) {
  const auto type = require_string(json, "type", where);
  if (type == "ByteLevel")
    return std::make_unique<ByteLevel>(bool_or(json, "add_prefix_space", true, where),
                                       bool_or(json, "use_regex", true, where), spells_bytes);
  if (type == "Split")
    return std::make_unique<Split>(read_pattern(json, where), split_behavior(require_string(json, "behavior", where), where),
                                   bool_or(json, "invert", false, where));
  if (type == "Metaspace") return make_metaspace(json, where);
  if (type == "Digits") {
    const bool individual = bool_or(json, "individual_digits", false, where);
    return built_in(R"(\p{N})", individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
  }
  if (type == "Punctuation")
    return built_in(R"([\p{P}$+<=>^`|~])", split_behavior(string_or(json, "behavior", "Isolated", where), where));
  if (type == "Whitespace") return built_in(R"(\w+|[^\w\s]+)", SplitBehavior::removed, true);
  if (type == "WhitespaceSplit") return built_in(R"(\s)", SplitBehavior::removed);
  refuse_component("pre-tokenizer", type, where);
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where, bool spells_bytes) {
  std::vector<std::unique_ptr<PreTokenizer>> steps;
  for (const Json* step : steps_of(json, "pretokenizers", where)) steps.push_back(make_step(*step, where, spells_bytes));
  if (steps.empty()) return nullptr;
  return std::make_unique<Steps>(std::move(steps));
}

bool ends_in_byte_level(const Json& pre_tokenizer) {
  const auto steps = steps_of(pre_tokenizer, "pretokenizers", "pre_tokenizer");
  const auto is_byte_level = [](const Json* step) { return step->value("type", "") == "ByteLevel"; };
  return std::count_if(steps.begin(), steps.end(), is_byte_level) == 1 && is_byte_level(steps.back());
}

}  // namespace unpact
