#pragma once
/// Training examples: token ids with the positions that carry loss.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/text/prompt.hpp"

namespace unpact {

/// One sequence. `has_loss[t]` says whether token t is a target (predicted from tokens before it); has_loss[0] is 0.
struct Example {
  std::vector<TokenId> ids;
  std::vector<std::uint8_t> has_loss;
  std::string source = {};       ///< file and entry of its question; empty: a piece of a text
  std::int64_t targets() const;  ///< number of positions with loss
};

/// Which tokens of a question's example are targets.
enum class LossOn {
  answer,  ///< the answer and EOS
  trace,   ///< the trace of thought and what closes it
  both,    ///< trace and answer
  all,     ///< everything behind the first token
};
UNPACT_ENUMERATION(LossOn, "answer", "trace", "both", "all");

/// What is made into examples: questions with their answers, or pieces of texts.
enum class ExampleForm { questions, texts };
UNPACT_ENUMERATION(ExampleForm, "questions", "texts");

/// How texts are cut: chunk_texts or chunk_texts_encoded_again.
enum class ChunkRule { muse, open_unlearning };
UNPACT_ENUMERATION(ChunkRule, "muse", "open_unlearning");

/// Prompt + answer + EOS; of a model that thinks (PromptTemplate::thought_end) prompt + thought + answer + EOS, the thought being
/// the question's trace between its marks, an empty one where it has none. What opens the thought is a target under `all` alone.
/// @throws UserError for a loss on traces of a template or a question without.
Example make_question_example(const Tokenizer& tokenizer, const PromptTemplate& prompt_template, const QuestionAnswer& pair,
                              LossOn loss_on);

/// One example a question.
std::vector<Example> question_examples(const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                       const std::vector<QuestionAnswer>& pairs, LossOn loss_on);

/// MUSE's rule (muse_bench, baselines/dataset.py): the texts joined by "\n\n" are tokenized once and cut into pieces
/// of `length` - 1 tokens behind BOS; the last piece is filled by wrapping around to the first when `wrap` is set,
/// else it stays short. Loss on everything behind BOS.
std::vector<Example> chunk_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts, std::int64_t length,
                                 bool wrap);

/// open-unlearning's rule (src/data/pretraining.py): the same text is cut into pieces of `length` tokens, each of which is
/// decoded and encoded again behind BOS, and cut to BOS and `length` tokens; the last piece stays short. Where a piece
/// ends inside a word its tokens change.
std::vector<Example> chunk_texts_encoded_again(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
                                               std::int64_t length);

/// How texts become examples: the same for whatever is trained on them, so that a model is asked to forget pieces that it
/// knows.
struct Cutting {
  ChunkRule rule = ChunkRule::muse;
  std::int64_t length = 2048;  ///< tokens of a piece
  bool wrap_last = true;       ///< of the rule muse
};

/// The pieces of one set's texts; none where there are no texts.
std::vector<Example> cut_texts(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const Cutting& cutting);

/// A fixed order of example indices that depends on seed and epoch alone: position g of epoch e is the same for any
/// number of ranks.
class EpochSampler {
 public:
  EpochSampler(std::int64_t count, std::uint64_t seed, bool shuffle);
  /// The example at global position g = epoch * count + position, g >= 0.
  std::int64_t operator[](std::int64_t global_position) const;
  std::int64_t count() const { return count_; }

 private:
  std::int64_t count_;
  std::uint64_t seed_;
  bool shuffle_;
  mutable std::int64_t cached_epoch_ = -1;
  mutable std::vector<std::int64_t> order_;
};

}  // namespace unpact
