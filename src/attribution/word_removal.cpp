// Words taken out of a prompt's text, which is then cut into tokens anew: what can be asked of models that take text alone.
// Neighbours of a word may be cut otherwise without it, so that this is another measure than the removal of token ids.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "methods.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/text/prompt.hpp"

namespace unpact {
namespace {

/// A task's prompts without one of its words, as ids.
class ShorterPrompts {
 public:
  ShorterPrompts(const AttributionTask& task, const Tokenizer& tokenizer)
      : task_(task), prompt_(*task.source), tokenizer_(tokenizer), question_{prompt_.spans[task.candidate_begin].begin,
                                                                             prompt_.spans[task.candidate_end - 1].end},
        words_(words_of(prompt_.text, question_.begin, question_.end)) {
    const auto whole = cut({});
    const auto added = task.prompt.size() - std::min(whole.size(), task.prompt.size());
    begin_.assign(task.prompt.begin(), task.prompt.begin() + static_cast<std::ptrdiff_t>(added));
    const bool is_bos = added == 0 || (added == 1 && tokenizer.bos_id() == begin_.front());
    UNPACT_VALIDATE(is_bos && std::equal(whole.begin(), whole.end(), task.prompt.begin() + added_size(), task.prompt.end()),
                    "the prompt's text cannot be cut into the prompt's tokens anew",
                    "its system text or examples name special tokens, or its tokens are no plain text's",
                    "leave such names out, or use attribution.method = leave_one_out");
  }

  /// Tokens of the prompt that make up one word, or several that share a token.
  std::vector<TokenSpan> units() const {
    std::vector<TokenSpan> units;
    const auto& bounds = task_.word_bounds;
    for (std::size_t u = 0; u + 1 < bounds.size(); ++u) units.push_back({bounds[u], bounds[u + 1]});
    return units;
  }

  /// The prompt without the words of a unit and the white space in front of them, or behind the question's first.
  std::vector<TokenId> without(const TokenSpan& unit) const {
    auto ids = begin_;
    const auto cut_anew = cut(bytes_of(unit));
    ids.insert(ids.end(), cut_anew.begin(), cut_anew.end());
    return ids;
  }

 private:
  std::ptrdiff_t added_size() const { return static_cast<std::ptrdiff_t>(begin_.size()); }

  ByteSpan bytes_of(const TokenSpan& unit) const {
    const auto from = prompt_.spans[unit.begin].begin, to = prompt_.spans[unit.end - 1].end;
    const auto touches = [&](const ByteSpan& word) { return word.begin < to && from < word.end; };
    const auto first = std::find_if(words_.begin(), words_.end(), touches);
    if (first == words_.end()) return {};
    const auto last = std::find_if_not(first, words_.end(), touches);
    if (first != words_.begin()) return {std::prev(first)->end, std::prev(last)->end};
    return {first->begin, last == words_.end() ? std::prev(last)->end : last->begin};
  }

  /// Ids of the text without some bytes of the question.
  std::vector<TokenId> cut(const ByteSpan& removed) const {
    const auto text = prompt_.text.substr(0, removed.begin) + prompt_.text.substr(removed.end);
    const auto end = question_.end - (removed.end - removed.begin);
    std::vector<ByteSpan> literals;
    if (question_.begin < end) literals.push_back({question_.begin, end});
    return tokenizer_.encode_around(text, literals).ids;
  }

  const AttributionTask& task_;
  const Prompt& prompt_;
  const Tokenizer& tokenizer_;
  ByteSpan question_;
  std::vector<ByteSpan> words_;
  std::vector<TokenId> begin_;  ///< BOS, where the prompt has one
};

std::vector<double> means_of(const std::vector<std::vector<float>>& scores) {
  std::vector<double> means;
  for (const auto& one : scores) means.push_back(mean_log_probability(one));
  return means;
}

class WordRemoval : public AttributionMethod {
 public:
  WordRemoval(const Tokenizer& tokenizer, std::size_t token_budget) : tokenizer_(tokenizer), token_budget_(token_budget) {}

  /// The prompt and three of the shorter ones: alone, together, and in reverse with each twice.
  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    auto items = items_of(model, task);
    std::vector<PromptAnswer> few;
    for (const auto i : {std::size_t{0}, std::size_t{1}, (items.size() + 1) / 2, items.size() - 1})
      if (i < items.size() && i >= few.size()) few.push_back(items[i]);
    std::vector<PromptAnswer> twice;
    for (auto item = few.rbegin(); item != few.rend(); ++item) twice.insert(twice.end(), 2, *item);
    const auto together = means_of(score(model, few)), again = means_of(score(model, twice));
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i < few.size(); ++i) {
      const auto back = 2 * (few.size() - 1 - i);
      rows.push_back({means_of(score(model, {few[i]})).front(), together[i], again[back], again[back + 1]});
    }
    if (remote_of(model) == nullptr) {
      const auto packed = means_of(score_answers(model, few));
      for (std::size_t i = 0; i < few.size(); ++i) rows[i].push_back(packed[i]);
    }
    return rows;
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    const auto items = items_of(model, task);
    const auto scores = means_of(score(model, items));
    require_finite(scores, "the log-probability of a shortened prompt");
    Attribution result;
    result.mean_log_probability = scores.front();
    const auto& bounds = task.word_bounds;
    for (std::size_t u = 0; u + 1 < bounds.size(); ++u)
      result.values.insert(result.values.end(), bounds[u + 1] - bounds[u],
                           static_cast<float>(scores.front() - scores[u + 1]));
    for (const auto& item : items) {
      const auto positions = item.prompt.size() + item.answer.size() - 1;
      result.work += {positions, positions, 1, item.answer.size()};
    }
    return result;
  }

 private:
  /// The prompt, then without each word.
  std::vector<PromptAnswer> items_of(const Transformer& model, const AttributionTask& task) const {
    require_task(model.config(), task);
    UNPACT_EXPECT(task.source != nullptr && task.source->spans.size() == task.prompt.size());
    const ShorterPrompts prompts(task, tokenizer_);
    std::vector<PromptAnswer> items = {{task.prompt, task.answer}};
    for (const auto& unit : prompts.units()) items.push_back({prompts.without(unit), task.answer});
    return items;
  }

  /// Every sequence whole: without a word all behind it may be cut otherwise.
  std::vector<std::vector<float>> score(const Transformer& model, const std::vector<PromptAnswer>& items) const {
    return score_by_passes(model, items, token_budget_);
  }

  const Tokenizer& tokenizer_;
  std::size_t token_budget_;
};

}  // namespace

std::unique_ptr<AttributionMethod> make_word_removal(const Tokenizer& tokenizer, std::size_t token_budget) {
  return std::make_unique<WordRemoval>(tokenizer, token_budget);
}

}  // namespace unpact
