#include <algorithm>
#include <cctype>

#include "byte_level.hpp"
#include "components.hpp"
#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

class ByteLevel final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens, std::size_t /*most*/) const override {
    std::string bytes;
    for (const auto& token : tokens) bytes += byte_level_bytes(token).value_or(token);
    tokens = {to_valid_utf8(bytes)};
  }
};

class Replace final : public Decoder {
 public:
  Replace(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& tokens, std::size_t most) const override {
    std::vector<ByteSpan> matches;
    std::size_t written = 0;  // of the tokens before
    for (auto& token : tokens) {
      pattern_.find_all(token, matches);
      std::string text;
      std::size_t at = 0;
      for (const auto& match : matches) {
        text.append(token, at, match.begin - at);
        check_growth(written + text.size() + content_.size(), most);
        text += content_;
        at = match.end;
      }
      if (!matches.empty()) token = text.append(token, at);
      written += token.size();
    }
  }

 private:
  Regex pattern_;
  std::string content_;
};

/// <0xHH> tokens become bytes; bytes that are no UTF-8 become one U+FFFD each, good ones beside them too.
class ByteFallback final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens, std::size_t /*most*/) const override {
    std::vector<std::string> result;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (is_valid_utf8(bytes)) result.push_back(bytes);
      else result.insert(result.end(), bytes.size(), "\xEF\xBF\xBD");
      bytes.clear();
    };
    for (auto& token : tokens) {
      if (is_byte(token)) {
        bytes += static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16));
        continue;
      }
      flush();
      result.push_back(std::move(token));
    }
    flush();
    tokens = std::move(result);
  }

 private:
  static bool is_byte(const std::string& token) {
    return token.size() == 6 && token.compare(0, 3, "<0x") == 0 && token[5] == '>' &&
           std::isxdigit(static_cast<unsigned char>(token[3])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(token[4])) != 0;
  }
};

class Fuse final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens, std::size_t /*most*/) const override { tokens = {join(tokens, "")}; }
};

class Strip final : public Decoder {
 public:
  Strip(std::string content, std::size_t start, std::size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& tokens, std::size_t /*most*/) const override {
    for (auto& token : tokens) {
      std::string_view rest = token;
      for (std::size_t k = 0; k < start_ && !rest.empty() && rest.substr(0, content_.size()) == content_; ++k)
        rest.remove_prefix(content_.size());
      for (std::size_t k = 0;
           k < stop_ && rest.size() >= content_.size() && rest.substr(rest.size() - content_.size()) == content_; ++k)
        rest.remove_suffix(content_.size());
      token = std::string(rest);
    }
  }

 private:
  std::string content_;
  std::size_t start_, stop_;
};

/// The first token loses its marks of spaces, where a prefix may have been put in front of the text.
class Metaspace final : public Decoder {
 public:
  Metaspace(std::string replacement, bool strips_first)
      : replacement_(std::move(replacement)), strips_first_(strips_first) {}
  void apply(std::vector<std::string>& tokens, std::size_t /*most*/) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replace_all(tokens[i], replacement_, i == 0 && strips_first_ ? "" : " ");
  }

 private:
  std::string replacement_;
  bool strips_first_;
};

class Steps final : public Decoder {
 public:
  explicit Steps(std::vector<std::unique_ptr<Decoder>> steps) : steps_(std::move(steps)) {}
  void apply(std::vector<std::string>& tokens, std::size_t most) const override {
    for (const auto& step : steps_) step->apply(tokens, most);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> steps_;
};

std::size_t count_of(const Json& json, const char* key, const std::string& where) {
  const auto count = require_integer(json, key, where);
  UNPACT_VALIDATE(count >= 0, concat(where, ": field '", key, "' is broken"), "it is negative", "fetch the file again");
  return static_cast<std::size_t>(count);
}

std::unique_ptr<Decoder> make_step(const Json& json, const std::string& where) {
  const auto type = require_string(json, "type", where);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Replace") return std::make_unique<Replace>(read_pattern(json, where), require_string(json, "content", where));
  if (type == "Strip")
    return std::make_unique<Strip>(require_character(json, "content", where), count_of(json, "start", where),
                                   count_of(json, "stop", where));
  if (type == "Metaspace") {
    const bool prefix = bool_or(json, "add_prefix_space", true, where);
    const auto scheme = string_or(json, "prepend_scheme", prefix ? "always" : "never", where);
    return std::make_unique<Metaspace>(require_character(json, "replacement", where), scheme != "never");
  }
  refuse_component("decoder", type, where);
}

}  // namespace

std::unique_ptr<Decoder> make_decoder(const Json& json, const std::string& where) {
  std::vector<std::unique_ptr<Decoder>> steps;
  for (const Json* step : steps_of(json, "decoders", where)) steps.push_back(make_step(*step, where));
  if (steps.empty()) return nullptr;
  return std::make_unique<Steps>(std::move(steps));
}

}  // namespace unpact
