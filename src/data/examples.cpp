#include "unpact/data/examples.hpp"

#include <algorithm>
#include <numeric>

#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/text/thought.hpp"

namespace unpact {
namespace {

Example with_loss_behind_first(std::vector<TokenId> ids) {
  Example example{std::move(ids), {}, {}};
  example.has_loss.assign(example.ids.size(), 1);
  if (!example.has_loss.empty()) example.has_loss.front() = 0;
  return example;
}

std::string source_of(const QuestionAnswer& pair) {
  return pair.where.empty() ? concat("question '", pair.question, "'") : pair.where;
}

/// Thought, answer and EOS, token by token.
enum class Part : std::uint8_t { context, trace, answer };

bool has_target(Part part, LossOn loss_on) {
  switch (loss_on) {
    case LossOn::answer: return part == Part::answer;
    case LossOn::trace: return part == Part::trace;
    case LossOn::both: return part != Part::context;
    case LossOn::all: break;
  }
  return true;
}

void require_trace(const PromptTemplate& prompt_template, const QuestionAnswer& pair, LossOn loss_on) {
  if (loss_on != LossOn::trace && loss_on != LossOn::both) return;
  const auto problem =
      concat(source_of(pair), ": there is no trace to take a loss on (loss_on = ", name_of_value(loss_on), ")");
  UNPACT_VALIDATE(thinks(prompt_template), problem, "the prompt's template has no thoughts",
                  "set prompt.thought_begin and prompt.thought_end, or choose loss_on = answer");
  UNPACT_VALIDATE(!pair.trace.empty(), problem, "the entry has none",
                  "name its field in dataset.trace_field, or choose loss_on = answer");
}

}  // namespace

std::int64_t Example::targets() const {
  return std::count_if(has_loss.begin(), has_loss.end(), [](std::uint8_t flag) { return flag != 0; });
}

Example make_question_example(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const QuestionAnswer& pair,
                              LossOn loss_on) {
  require_trace(prompt_template, pair, loss_on);
  auto ids = build_prompt(tokenizer, prompt_template, question_text(pair.question, pair.choices), {}, pair.introduction).ids;
  const auto thought = encode_thought(tokenizer, prompt_template, pair.trace);
  const auto answer = encode_answer(tokenizer, prompt_template, pair.answer);
  std::vector<Part> parts(ids.size() + thought.trace_begin, Part::context);
  parts.resize(ids.size() + thought.ids.size(), Part::trace);
  ids.insert(ids.end(), thought.ids.begin(), thought.ids.end());
  ids.insert(ids.end(), answer.begin(), answer.end());
  if (tokenizer.eos_id()) ids.push_back(*tokenizer.eos_id());
  parts.resize(ids.size(), Part::answer);
  auto example = with_loss_behind_first(std::move(ids));
  for (std::size_t t = 0; t < parts.size(); ++t)
    if (!has_target(parts[t], loss_on)) example.has_loss[t] = 0;
  example.source = source_of(pair);
  return example;
}

std::vector<Example> question_examples(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                       const std::vector<QuestionAnswer>& pairs, LossOn loss_on) {
  std::vector<Example> examples;
  for (const auto& pair : pairs) examples.push_back(make_question_example(tokenizer, prompt_template, pair, loss_on));
  return examples;
}

std::vector<Example> chunk_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts, std::int64_t length,
                                 bool wrap) {
  UNPACT_VALIDATE(length >= 2, concat("cannot cut texts into pieces of ", length, " tokens"),
                  "a piece needs a token to start from and one to predict", "choose a length of 2 or more");
  const auto tokens = tokenizer.encode(join(texts, "\n\n")).ids;
  UNPACT_VALIDATE(!tokens.empty(), "cannot cut texts into pieces", "the texts hold no tokens", "check the dataset");
  const auto bos = tokenizer.bos_id();
  const auto size = static_cast<std::size_t>(length), step = bos ? size - 1 : size;
  std::vector<std::vector<TokenId>> pieces;
  for (std::size_t begin = 0; begin < tokens.size(); begin += step) {
    auto& piece = pieces.emplace_back();
    if (bos) piece.push_back(*bos);
    const auto end = std::min(begin + step, tokens.size());
    piece.insert(piece.end(), tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                 tokens.begin() + static_cast<std::ptrdiff_t>(end));
  }
  if (wrap && pieces.back().size() < size) {
    const auto first = pieces.front();  // a copy: it may be the last piece itself
    const auto missing = std::min(size - pieces.back().size(), first.size());
    pieces.back().insert(pieces.back().end(), first.begin(), first.begin() + static_cast<std::ptrdiff_t>(missing));
  }
  std::vector<Example> examples;
  examples.reserve(pieces.size());
  for (auto& piece : pieces) examples.push_back(with_loss_behind_first(std::move(piece)));
  return examples;
}

std::vector<Example> chunk_texts_encoded_again(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                               std::int64_t length) {
  UNPACT_VALIDATE(length >= 1, concat("cannot cut texts into pieces of ", length, " tokens"),
                  "a piece needs a token to predict", "choose a positive length");
  const auto tokens = tokenizer.encode(join(texts, "\n\n")).ids;
  UNPACT_VALIDATE(!tokens.empty(), "cannot cut texts into pieces", "the texts hold no tokens", "check the dataset");
  const auto size = static_cast<std::size_t>(length);
  std::vector<Example> examples;
  for (std::size_t begin = 0; begin < tokens.size(); begin += size) {
    const auto end = std::min(begin + size, tokens.size());
    auto piece = tokenizer
                     .encode(tokenizer.decode({tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                                               tokens.begin() + static_cast<std::ptrdiff_t>(end)}))
                     .ids;
    if (piece.empty()) continue;
    if (piece.size() > size) piece.resize(size);
    if (tokenizer.bos_id()) piece.insert(piece.begin(), *tokenizer.bos_id());
    examples.push_back(with_loss_behind_first(std::move(piece)));
  }
  return examples;
}

std::vector<Example> cut_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const Cutting& cutting) {
  if (texts.empty()) return {};
  return cutting.rule == ChunkRule::muse ? chunk_texts(tokenizer, texts, cutting.length, cutting.wrap_last)
                                         : chunk_texts_encoded_again(tokenizer, texts, cutting.length);
}

EpochSampler::EpochSampler(std::int64_t count, std::uint64_t seed, bool shuffle)
    : count_(count), seed_(seed), shuffle_(shuffle) {
  UNPACT_EXPECT(count > 0);
}

std::int64_t EpochSampler::operator[](std::int64_t global_position) const {
  UNPACT_EXPECT(global_position >= 0);
  const std::int64_t epoch = global_position / count_, position = global_position % count_;
  if (!shuffle_) return position;
  if (epoch != cached_epoch_) {
    const auto stream = random_bits(stream_of("epoch"), 0, static_cast<std::uint64_t>(epoch));
    order_ = random_permutation(count_, seed_, stream);
    cached_epoch_ = epoch;
  }
  return order_[static_cast<std::size_t>(position)];
}

}  // namespace unpact
