#include "verdict_prompt.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Text with fields filled in, and where what fills them lies.
struct Filled {
  std::string text;
  std::vector<ByteSpan> literals;
};

Filled filled(std::string_view text, const std::array<std::pair<std::string_view, std::string_view>, 3>& values) {
  Filled result;
  while (!text.empty()) {
    const auto field = std::ranges::find_if(values, [&](const auto& value) { return text.starts_with(value.first); });
    if (field == values.end()) {
      result.text += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto begin = result.text.size();
    result.text += field->second;
    if (!field->second.empty()) result.literals.push_back({begin, result.text.size()});
    text.remove_prefix(field->first.size());
  }
  return result;
}

}  // namespace

VerdictPrompts::VerdictPrompts(const JudgeOptions& options, const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), text_(unescape(options.question)) {
  const auto yes = tokenizer.encode_continuation(unescape(options.yes)),
             no = tokenizer.encode_continuation(unescape(options.no));
  const auto [end_of_yes, end_of_no] = std::ranges::mismatch(yes, no);
  UNPACT_VALIDATE(
      end_of_yes != yes.end() && end_of_no != no.end(),
      concat("the judge's model cannot say '", options.yes, "' or '", options.no, "'"),
      concat("its tokenizer makes ", yes.size(), " and ", no.size(), " token(s) of them that cannot be told apart"),
      "set judge.yes and judge.no to words of its vocabulary");
  both_.assign(yes.begin(), end_of_yes);
  yes_ = *end_of_yes;
  no_ = *end_of_no;
}

void check_verdicts(const JudgeOptions& options, const Tokenizer& tokenizer) { VerdictPrompts(options, tokenizer); }

std::vector<TokenId> VerdictPrompts::prompt(const QuestionAnswer& question, const std::string& answer) const {
  const auto [text, literals] =
      filled(text_, {{{"{question}", question.question}, {"{gold}", question.answer}, {"{answer}", answer}}});
  auto ids = tokenizer_.encode_around(text, literals).ids;
  const auto bos = tokenizer_.bos_id();
  if (bos && (ids.empty() || ids.front() != *bos)) ids.insert(ids.begin(), *bos);
  ids.insert(ids.end(), both_.begin(), both_.end());
  return ids;
}

}  // namespace unpact
