#include "unpact/model/attention_context.hpp"

#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::tiny_transformer;

constexpr double kRounding = 1e-5;  // float32 sums in another order

at::Tensor record(const Transformer& model, const at::Tensor& tokens_BS, RecordingContext& recording) {
  return model.hidden(tokens_BS, at::arange(tokens_BS.size(1), at::kLong), recording);
}

TEST(RecordingContext, KeepsEveryLayerAndChangesNothing) {
  const auto model = tiny_transformer(1);
  const auto tokens = row_of(random_ids(11, 1));
  RecordingContext recording;
  EXPECT_TRUE(at::equal(record(model, tokens, recording), model.hidden(tokens)));
  ASSERT_EQ(recording.layers().size(), 3U);
  for (const auto& layer : recording.layers()) EXPECT_EQ(layer.keys_BGSd.sizes(), at::IntArrayRef({1, 2, 11, 6}));
}

TEST(PrefixContext, NewTokensBehindAPrefixAreLikeOneSequence) {
  const auto model = tiny_transformer(1);
  const auto ids = random_ids(14, 2);
  RecordingContext recording;
  const auto whole = record(model, row_of(ids), recording);
  for (const std::int64_t prefix : {0, 1, 7, 13}) {
    const std::int64_t fresh = 14 - prefix;
    PrefixContext context(recording.layers(), prefix, fresh);
    const auto tail = row_of({ids.begin() + prefix, ids.end()}).expand({3, fresh});
    const auto hidden = model.hidden(tail, at::arange(prefix, 14, at::kLong), context);
    expect_close(hidden, whole.narrow(1, prefix, fresh).expand({3, -1, -1}), kRounding, concat("prefix of ", prefix));
  }
}

TEST(PrefixContext, CannotBeLongerThanWhatWasRecorded) {
  const auto model = tiny_transformer(1);
  RecordingContext recording;
  record(model, row_of({1, 2, 3}), recording);
  EXPECT_NO_THROW(PrefixContext(recording.layers(), 3, 1));
  EXPECT_THROW(PrefixContext(recording.layers(), 4, 1), ContractViolation);
  EXPECT_THROW(PrefixContext(recording.layers(), -1, 1), ContractViolation);
  EXPECT_THROW(PrefixContext({}, 0, 1), ContractViolation);
}

TEST(GenerationCache, GrowingSequencesAreLikeWholeOnes) {
  const auto model = tiny_transformer(3);
  const std::vector<std::vector<TokenId>> sequences = {random_ids(12, 1), random_ids(18, 2), random_ids(9, 3)};
  const std::vector<std::int64_t> prompt_lengths = {4, 10, 1};
  std::vector<std::vector<TokenId>> prompts;
  for (std::size_t b = 0; b < 3; ++b) prompts.emplace_back(sequences[b].begin(), sequences[b].begin() + prompt_lengths[b]);
  RecordingContext recording;
  record(model, pad_right(prompts, at::kCPU), recording);
  GenerationCache cache(recording.layers(), at::tensor(prompt_lengths, at::kLong), 18);
  for (std::int64_t step = 0; step < 8; ++step) {
    std::vector<std::int64_t> next;
    std::vector<at::Tensor> expected;
    for (std::size_t b = 0; b < 3; ++b) {
      const auto at = prompt_lengths[b] + step;
      next.push_back(sequences[b][static_cast<std::size_t>(at)]);
      expected.push_back(model.hidden(row_of(sequences[b])).select(1, at));
    }
    const auto hidden_B1D = model.hidden(at::tensor(next, at::kLong).unsqueeze(1), cache.next_positions(), cache);
    cache.advance();
    expect_close(hidden_B1D.squeeze(1), at::cat(expected), kRounding, concat("step ", step));
  }
}

TEST(GenerationCache, PromptsMustFit) {
  const auto model = tiny_transformer(1);
  RecordingContext recording;
  record(model, row_of({1, 2, 3}), recording);
  EXPECT_THROW(GenerationCache(recording.layers(), at::tensor({3}, at::kLong), 2), ContractViolation);
}

}  // namespace
}  // namespace unpact
