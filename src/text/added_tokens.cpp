#include "added_tokens.hpp"

#include <algorithm>

#include "unicode.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMaxContentBytes = 4096;
constexpr std::size_t kMaxTokens = 1 << 16;    // published tokenizers have some thousands
constexpr std::size_t kMaxAllBytes = 1 << 22;  // of all of them, normalized: every byte may cost a node of the trie

std::size_t previous_character(const std::string& text, std::size_t end) {
  std::size_t at = end - 1;
  while (at > 0 && is_continuation_byte(text[at])) --at;
  return at;
}

std::size_t white_space_begins(const std::string& text, std::size_t end, std::size_t limit) {
  while (end > limit) {
    const auto last = previous_character(text, end);
    if (last < limit || !is_space(code_point_at(text, last).value)) break;
    end = last;
  }
  return end;
}

std::size_t white_space_ends(const std::string& text, std::size_t at) {
  while (at < text.size()) {
    const auto c = code_point_at(text, at);
    if (!is_space(c.value)) break;
    at += c.bytes;
  }
  return at;
}

}  // namespace

void AddedTokens::Trie::add(const std::string& content, std::size_t token) {
  std::uint32_t node = 0;
  for (const char byte : content) {
    auto [edge, is_new] = nodes[node].next.try_emplace(byte, static_cast<std::uint32_t>(nodes.size()));
    const auto target = edge->second;
    if (is_new) nodes.emplace_back();
    node = target;
  }
  if (!nodes[node].token) nodes[node].token = token;
}

std::optional<std::pair<std::size_t, std::size_t>> AddedTokens::Trie::longest(const std::string& text,
                                                                              std::size_t at) const {
  std::optional<std::pair<std::size_t, std::size_t>> found;
  std::uint32_t node = 0;
  for (; at < text.size(); ++at) {
    const auto edge = nodes[node].next.find(text[at]);
    if (edge == nodes[node].next.end()) break;
    node = edge->second;
    if (nodes[node].token) found = {*nodes[node].token, at + 1};
  }
  return found;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer, const std::string& where)
    : tokens_(std::move(tokens)), word_(Regex::of_pattern(R"(\A\w\z)", "a built-in expression")) {
  UNPACT_VALIDATE(tokens_.size() <= kMaxTokens, concat(where, " has too many added tokens"),
                  concat(tokens_.size(), " are more than ", kMaxTokens), "use the model's original tokenizer");
  std::size_t all_bytes = 0;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto& token = tokens_[i];
    UNPACT_VALIDATE(!token.content.empty() && token.content.size() <= kMaxContentBytes,
                    concat(where, ": an added token is broken"),
                    concat("token ", token.id, " has ", token.content.size(), " bytes"), "fetch the file again");
    const bool is_new = by_id_.emplace(token.id, i).second && by_content_.emplace(token.content, i).second;
    UNPACT_VALIDATE(is_new, concat(where, ": an added token appears twice"), concat(token.id, " ", token.content),
                    "fetch the file again");
    AlignedText content(token.content, 0);
    if (token.normalized && normalizer != nullptr) normalizer->apply(content, Beginning::own);
    token.decoded = content.bytes();
    all_bytes += token.decoded.size();
    UNPACT_VALIDATE(all_bytes <= kMaxAllBytes, concat(where, " has too many added tokens"),
                    concat("together they have more than ", kMaxAllBytes, " bytes"), "use the model's original tokenizer");
    if (content.bytes().empty()) continue;
    (token.normalized ? normalized_ : plain_).add(content.bytes(), i);
    first_bytes_[token.normalized ? 1 : 0][static_cast<unsigned char>(content.bytes()[0])] = true;
  }
}

bool AddedTokens::stands_alone(const std::string& text, const ByteSpan& match) const {
  std::vector<ByteSpan> found;
  const auto is_word = [&](std::size_t at) {
    word_.find_all(std::string_view(text).substr(at, code_point_at(text, at).bytes), found);
    return !found.empty();
  };
  if (match.begin > 0 && is_word(previous_character(text, match.begin))) return false;
  return match.end == text.size() || !is_word(match.end);
}

std::vector<Section> AddedTokens::split(const std::string& text, bool normalized) const {
  const Trie& trie = normalized ? normalized_ : plain_;
  const auto& first = first_bytes_[normalized ? 1 : 0];
  std::vector<Section> sections;
  std::size_t done = 0;  // everything before it is in a section
  for (std::size_t at = 0; !trie.empty() && at < text.size();) {
    const auto found = first[static_cast<unsigned char>(text[at])] ? trie.longest(text, at) : std::nullopt;
    if (!found) {
      ++at;
      continue;
    }
    const auto& token = tokens_[found->first];
    ByteSpan match{at, found->second};
    at = match.end;
    if (token.single_word && !stands_alone(text, match)) continue;
    match.begin = std::max(match.begin, done);  // white space that the token before took along
    if (match.end <= done) continue;
    if (token.lstrip) match.begin = white_space_begins(text, match.begin, done);
    if (token.rstrip) match.end = white_space_ends(text, match.end);
    if (done < match.begin) sections.push_back({{done, match.begin}, std::nullopt});
    sections.push_back({match, token.id});
    done = match.end;
  }
  if (done < text.size()) sections.push_back({{done, text.size()}, std::nullopt});
  return sections;
}

std::vector<Section> AddedTokens::split_around(const std::string& text, bool normalized,
                                               const std::vector<ByteSpan>& literals) const {
  if (literals.empty()) return split(text, normalized);
  std::vector<Section> sections;
  const auto add = [&](const Section& section) {
    if (section.span.begin == section.span.end) return;
    const bool joins = !section.id && !sections.empty() && !sections.back().id;
    if (joins) sections.back().span.end = section.span.end;
    else sections.push_back(section);
  };
  std::size_t done = 0;
  const auto add_between = [&](std::size_t end) {
    UNPACT_EXPECT(done <= end && end <= text.size());
    for (auto section : split(text.substr(done, end - done), normalized)) {
      section.span.begin += done;
      section.span.end += done;
      add(section);
    }
  };
  for (const auto& literal : literals) {
    add_between(literal.begin);
    add({literal, std::nullopt});
    done = literal.end;
  }
  add_between(text.size());
  return sections;
}

std::vector<std::pair<TokenId, std::string>> AddedTokens::special() const {
  std::vector<std::pair<TokenId, std::string>> result;
  for (const auto& token : tokens_)
    if (token.special) result.emplace_back(token.id, token.content);
  std::sort(result.begin(), result.end());
  return result;
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

std::optional<TokenId> AddedTokens::id_of(const std::string& content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? std::nullopt : std::optional<TokenId>(tokens_[it->second].id);
}

}  // namespace unpact
