#include "unpact/text/thought.hpp"

#include <algorithm>

#include "unicode.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

std::size_t common_prefix(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

std::size_t common_suffix(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  std::size_t count = 0;
  while (count < a.size() && count < b.size() && a[a.size() - 1 - count] == b[b.size() - 1 - count]) ++count;
  return count;
}

std::string decoded(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, std::size_t count) {
  return tokenizer.decode({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)});
}

/// The fewest tokens whose text holds the mark; all hold it.
std::size_t tokens_to_hold(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, const std::string& mark) {
  std::size_t low = 1, high = ids.size();
  while (low < high) {
    const auto middle = (low + high) / 2;
    if (decoded(tokenizer, ids, middle).find(mark) != std::string::npos) high = middle;
    else low = middle + 1;
  }
  return low;
}

std::size_t behind_white_space(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, std::size_t at) {
  while (at < ids.size() && is_blank(tokenizer.decode({ids[at]}))) ++at;
  return at;
}

}  // namespace

std::vector<TokenId> encode_thought_begin(const Tokenizer& tokenizer, const PromptTemplate& prompt_template) {
  return tokenizer.encode_continuation(prompt_template.thought_begin);
}

std::vector<TokenId> encode_thought_end(const Tokenizer& tokenizer, const PromptTemplate& prompt_template) {
  return tokenizer.encode_continuation(prompt_template.thought_end);
}

Thought encode_thought(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const std::string& trace) {
  Thought thought;
  if (!thinks(prompt_template)) return thought;
  const auto& begin = prompt_template.thought_begin;
  thought.ids = tokenizer.encode_continuation_around(begin + trace + prompt_template.thought_end,
                                                     {{begin.size(), begin.size() + trace.size()}});
  // A token may hold the end of the trace and the start of the mark behind it (".\n"): it is the trace's.
  thought.trace_begin = common_prefix(thought.ids, encode_thought_begin(tokenizer, prompt_template));
  const auto closing = common_suffix(thought.ids, encode_thought_end(tokenizer, prompt_template));
  thought.trace_end = trace.empty() ? thought.trace_begin : std::max(thought.trace_begin, thought.ids.size() - closing);
  return thought;
}

CutThought cut_thought(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                       const std::vector<TokenId>& written) {
  const auto mark = trim(prompt_template.thought_end);
  UNPACT_EXPECT(!mark.empty());
  CutThought cut{false, written.size(), written.size()};
  const auto as_ids = tokenizer.encode_continuation(mark);
  const auto found = std::search(written.begin(), written.end(), as_ids.begin(), as_ids.end());
  if (found != written.end()) {
    cut.trace_end = static_cast<std::size_t>(found - written.begin());
    cut.answer_begin = behind_white_space(tokenizer, written, cut.trace_end + as_ids.size());
    cut.closed = true;
    return cut;
  }
  const auto text = tokenizer.decode(written);
  const auto at = text.find(mark);
  if (at == std::string::npos) return cut;
  const auto behind = tokens_to_hold(tokenizer, written, mark);
  cut.trace_end = behind;
  while (cut.trace_end > 0 && decoded(tokenizer, written, cut.trace_end).size() > at) --cut.trace_end;
  cut.answer_begin = behind_white_space(tokenizer, written, behind);
  cut.closed = true;
  return cut;
}

}  // namespace unpact
