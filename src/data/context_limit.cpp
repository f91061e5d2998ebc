#include "unpact/data/context_limit.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace {

bool is_question(const Example& example) { return !example.source.empty(); }

std::string name_of(const std::vector<Example>& examples, std::size_t index, const std::string& set) {
  const auto& example = examples[index];
  return is_question(example) ? example.source : concat(set, ", piece ", index + 1);
}

void refuse(const std::vector<Example>& examples, std::size_t index, const ContextLimit& limit, const std::string& set) {
  const auto& example = examples[index];
  throw UserError(
      concat(name_of(examples, index, set), ": an example of ", example.ids.size(), " tokens does not fit the model"),
      concat("its context holds ", limit.positions),
      is_question(example) ? "shorten it, set dataset.skip_long = true, which leaves such questions out, or "
                             "train.long_examples = cut"
                           : "lower finetune.chunk_length or unlearn.chunk_length, or set train.long_examples = "
                             "cut");
}

void require_known_ids(const std::vector<Example>& examples, const ContextLimit& limit, const std::string& set) {
  for (std::size_t i = 0; i < examples.size(); ++i)
    for (const auto id : examples[i].ids)
      UNPACT_VALIDATE(id < limit.vocabulary, concat(name_of(examples, i, set), ": it holds the token ", id),
                      concat("the model has ", limit.vocabulary, " rows of embeddings"),
                      "take that special token out of the text or the prompt");
}

void cut(std::vector<Example>& examples, const ContextLimit& limit, const std::string& set) {
  const auto size = static_cast<std::size_t>(limit.positions);
  const auto found = too_long(examples, limit.positions);
  for (const auto i : found) {
    auto& example = examples[i];
    const auto tokens = example.ids.size();
    example.ids.resize(size);
    example.has_loss.resize(size);
    UNPACT_VALIDATE(
        example.targets() > 0,
        concat(name_of(examples, i, set), ": an example of ", tokens, " tokens cannot be cut to the model's context"),
        concat("it holds ", limit.positions, " tokens, and those have no loss: the question alone fills it"),
        "shorten it, or set dataset.skip_long = true, which leaves such questions out");
  }
  if (!found.empty())
    log::info(concat(set, ": ", found.size(), " of ", examples.size(), " examples are cut to the model's ", limit.positions,
                     " positions (train.long_examples = cut)"));
}

template <class T>
void take_out(std::vector<T>& list, const std::vector<std::size_t>& sorted) {
  for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) list.erase(list.begin() + static_cast<std::ptrdiff_t>(*it));
}

/// @return what is left out: all of it questions.
std::vector<std::size_t> to_skip(const std::vector<Example>& examples, const ContextLimit& limit, const std::string& set) {
  auto found = too_long(examples, limit.positions);
  for (const auto i : found)
    if (!is_question(examples[i])) refuse(examples, i, limit, set);
  return found;
}

void say_skipped(std::size_t skipped, std::size_t all, const ContextLimit& limit, const std::string& set) {
  if (skipped > 0)
    log::info(concat(set, ": ", skipped, " of ", all, " examples are longer than the model's ", limit.positions,
                     " positions and are left out (dataset.skip_long)"));
}

}  // namespace

std::vector<std::size_t> too_long(const std::vector<Example>& examples, std::int64_t positions) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < examples.size(); ++i)
    if (static_cast<std::int64_t>(examples[i].ids.size()) > positions) found.push_back(i);
  return found;
}

void fit_context(std::vector<Example>& examples, const ContextLimit& limit, const std::string& set) {
  std::vector<Example> none;
  fit_context(examples, none, limit, set);
}

void fit_context(std::vector<Example>& examples, std::vector<Example>& others, const ContextLimit& limit,
                 const std::string& set) {
  UNPACT_EXPECT(others.empty() || others.size() == examples.size());
  for (auto* list : {&examples, &others}) {
    require_known_ids(*list, limit, set);
    if (limit.rule == LongExamples::cut) cut(*list, limit, set);
    if (limit.rule != LongExamples::refuse) continue;
    if (const auto found = too_long(*list, limit.positions); !found.empty()) refuse(*list, found.front(), limit, set);
  }
  if (limit.rule != LongExamples::skip) return;
  auto skipped = to_skip(examples, limit, set);
  for (const auto i : to_skip(others, limit, set)) skipped.push_back(i);
  std::sort(skipped.begin(), skipped.end());
  skipped.erase(std::unique(skipped.begin(), skipped.end()), skipped.end());
  say_skipped(skipped.size(), examples.size(), limit, set);
  take_out(examples, skipped);
  if (!others.empty()) take_out(others, skipped);
}

}  // namespace unpact
