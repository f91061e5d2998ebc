#include "span_weights.hpp"

#include <algorithm>
#include <string>

#include "pairs_of_examples.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/utf8.hpp"

namespace unpact {
namespace {

/// Bytes of `text` where an entity occurs. @throws UserError for one that does not.
std::vector<ByteSpan> occurrences(const std::string& text, const QuestionAnswer& pair, const std::string& where) {
  std::vector<ByteSpan> places;
  for (const auto& entity : pair.entities) {
    auto found = text.find(entity);
    UNPACT_VALIDATE(found != std::string::npos, concat(where, ": the answer does not hold the entity '", entity, "'"),
                    concat("it is '", pair.answer, "'; method.weighting = spans weighs the places where entities stand"),
                    "write the entity as it stands in the answer, or give its place in `spans`");
    for (; found != std::string::npos; found = text.find(entity, found + 1))
      places.push_back({found, found + entity.size()});
  }
  return places;
}

/// Where each token's text ends in the decoded answer. A token that ends inside a character ends with that character.
std::vector<std::size_t> ends_of(const Tokenizer& tokenizer, const std::vector<TokenId>& answer, const std::string& text) {
  std::vector<std::size_t> ends;
  for (std::size_t k = 1; k <= answer.size(); ++k) {
    const auto part = tokenizer.decode({answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(k)});
    const auto differ = std::mismatch(part.begin(), part.end(), text.begin(), text.end());
    auto end = static_cast<std::size_t>(differ.second - text.begin());
    while (end < text.size() && is_continuation_byte(text[end])) ++end;
    ends.push_back(ends.empty() ? end : std::max(end, ends.back()));
  }
  return ends;
}

std::vector<float> weights_of(const QuestionAnswer& pair, const Example& whole, const Tokenizer& tokenizer,
                              const PromptTemplate& prompt_template, const SpanRule& rule) {
  UNPACT_VALIDATE(!pair.entities.empty(), concat(whole.source, ": nothing says what a right answer names"),
                  "method.weighting = spans needs the field 'entity' or 'spans' of every forget question",
                  "add it to the dataset, or in a file that dataset.details names");
  std::vector<float> weights(whole.ids.size(), static_cast<float>(rule.outside));
  const auto answer = encode_answer(tokenizer, prompt_template, pair.answer);
  const auto text = tokenizer.decode(answer);
  const auto ends = ends_of(tokenizer, answer, text);
  const auto first = whole.ids.size() - (tokenizer.eos_id() ? 1 : 0) - answer.size();
  for (const auto& place : occurrences(text, pair, whole.source)) {
    std::size_t inside = 0;
    for (std::size_t k = 0, begin = 0; k < answer.size(); begin = ends[k], ++k) {
      if (ends[k] <= place.begin || begin >= place.end) continue;
      if (rule.first_tokens == 0 || inside++ < rule.first_tokens) weights[first + k] = 1;
    }
  }
  return weights;
}

}  // namespace

TokenWeights span_weights(const std::vector<QuestionAnswer>& pairs, const std::vector<Example>& examples,
                          const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const SpanRule& rule) {
  TokenWeights weights;
  const auto made_of = pairs_of_examples(pairs, examples, tokenizer, prompt_template);
  for (std::size_t i = 0; i < examples.size(); ++i) {
    weights.push_back(weights_of(pairs[made_of[i].pair], made_of[i].whole, tokenizer, prompt_template, rule));
    weights.back().resize(examples[i].ids.size());
  }
  return weights;
}

}  // namespace unpact
