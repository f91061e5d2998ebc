#include "components.hpp"
#include "normalization.hpp"
#include "regex.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  void apply(AlignedText& text, Beginning) const override { normalize(text, form_); }

 private:
  NormalForm form_;
};

class Lowercase final : public Normalizer {
 public:
  void apply(AlignedText& text, Beginning) const override { to_lower_case(text); }
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(AlignedText& text, Beginning beginning) const override {
    if (text.bytes().empty() || prefix_.empty()) return;
    if (beginning == Beginning::continuation && text.at_start({0, 1})) return;
    prepend(text, prefix_);
  }

 private:
  static void prepend(AlignedText& text, const std::string& prefix) {
    const auto first = code_point_at(text.bytes(), 0);
    Rewriter rewriter(text);
    for (std::size_t at = 0; at < prefix.size();) {
      const auto c = code_point_at(prefix, at);
      if (at == 0) rewriter.replace(c.value);
      else rewriter.insert(c.value);
      at += c.bytes;
    }
    rewriter.insert(first.value);
    rewriter.finish();
    text.words = {{0, text.bytes().size()}};
  }
  std::string prefix_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(AlignedText& text, Beginning) const override {
    std::vector<ByteSpan> matches;
    pattern_.find_all(text.bytes(), matches);
    if (matches.empty()) return;
    Rewriter rewriter(text);
    for (const auto& match : matches) {
      rewriter.copy_to(match.begin);
      rewriter.replace_to(match.end, content_);
    }
    rewriter.finish();
    text.words = {{0, text.bytes().size()}};
  }

 private:
  Regex pattern_;
  std::string content_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(AlignedText& text, Beginning) const override {
    const std::string& bytes = text.bytes();
    ByteSpan kept{0, bytes.size()};
    while (left_ && kept.begin < kept.end) {
      const auto c = code_point_at(bytes, kept.begin);
      if (!is_space(c.value)) break;
      kept.begin += c.bytes;
    }
    while (right_ && kept.begin < kept.end) {
      std::size_t last = kept.end - 1;
      while (last > kept.begin && is_continuation_byte(bytes[last])) --last;
      if (!is_space(code_point_at(bytes, last).value)) break;
      kept.end = last;
    }
    text = text.slice(kept);
  }

 private:
  bool left_, right_;
};

class Steps final : public Normalizer {
 public:
  explicit Steps(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  void apply(AlignedText& text, Beginning beginning) const override {
    for (const auto& step : steps_) step->apply(text, beginning);
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> make_step(const Json& json, const std::string& where) {
  const auto type = require_string(json, "type", where);
  if (type == "NFC") return std::make_unique<UnicodeForm>(NormalForm::nfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(NormalForm::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(NormalForm::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Prepend") return std::make_unique<Prepend>(require_string(json, "prepend", where));
  if (type == "Strip")
    return std::make_unique<Strip>(bool_or(json, "strip_left", true, where), bool_or(json, "strip_right", true, where));
  if (type == "Replace") return std::make_unique<Replace>(read_pattern(json, where), require_string(json, "content", where));
  refuse_component("normalizer", type, where);
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where) {
  std::vector<std::unique_ptr<Normalizer>> steps;
  for (const Json* step : steps_of(json, "normalizers", where)) steps.push_back(make_step(*step, where));
  if (steps.empty()) return nullptr;
  return std::make_unique<Steps>(std::move(steps));
}

}  // namespace unpact
