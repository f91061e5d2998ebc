#include "unpact/data/examples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "text/tokenizers_for_tests.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;

/// Bytes of the tokens that carry loss; BOS and EOS as < and >.
std::string targets_of(const Example& example) {
  std::string text;
  for (std::size_t i = 0; i < example.ids.size(); ++i)
    if (example.has_loss[i])
      text += example.ids[i] == 1 ? '<' : example.ids[i] == 2 ? '>' : static_cast<char>(example.ids[i] - 3);
  return text;
}

std::string all_of(const Example& example) {
  Example copy = example;
  std::fill(copy.has_loss.begin(), copy.has_loss.end(), 1);
  return targets_of(copy);
}

std::vector<std::string> all_of(const std::vector<Example>& examples) {
  std::vector<std::string> texts;
  for (const auto& example : examples) texts.push_back(all_of(example));
  return texts;
}

TEST(ChunkTextsEncodedAgain, CountsTokensWithoutBosAndLeavesTheLastPieceShort) {
  EXPECT_THAT(all_of(chunk_texts_encoded_again(ByteTokenizer(), {"abcd", "ef"}, 4)), ElementsAre("<abcd", "<\n\nef"));
  EXPECT_THAT(all_of(chunk_texts_encoded_again(ByteTokenizer(), {"abcde"}, 4)), ElementsAre("<abcd", "<e"));
  EXPECT_THAT(all_of(chunk_texts_encoded_again(ByteTokenizer(), {"abcdefgh"}, 4)), ElementsAre("<abcd", "<efgh"));
  for (const auto& example : chunk_texts_encoded_again(ByteTokenizer(), {"abcde"}, 2)) {
    EXPECT_EQ(example.has_loss.front(), 0);
    EXPECT_EQ(example.targets(), static_cast<std::int64_t>(example.ids.size()) - 1);
  }
}

/// Decoding does not give back what was encoded, as at the cut of a word.
class DriftingTokenizer : public ByteTokenizer {
 public:
  std::string decode(const std::vector<TokenId>& ids) const override { return ByteTokenizer::decode(ids) + "!"; }
};

TEST(ChunkTextsEncodedAgain, HoldsWhatWasDecodedButNoMoreThanItsLength) {
  EXPECT_THAT(all_of(chunk_texts_encoded_again(DriftingTokenizer(), {"abcde"}, 3)), ElementsAre("<abc", "<de!"));
  EXPECT_THAT(all_of(chunk_texts_encoded_again(DriftingTokenizer(), {"abcd"}, 3)), ElementsAre("<abc", "<d!"));
}

TEST(ChunkTextsEncodedAgain, RefusesNothing) {
  EXPECT_THAT(message_of<UserError>([] { chunk_texts_encoded_again(ByteTokenizer(), {}, 8); }), HasSubstr("no tokens"));
  EXPECT_THAT(message_of<UserError>([] { chunk_texts_encoded_again(ByteTokenizer(), {"a"}, 0); }), HasSubstr("positive"));
}

TEST(MakeQuestionExample, LossOnTheAnswer) {
  const auto example = make_question_example(ByteTokenizer(), {}, {"Who?", "Ann", {}}, LossOn::answer);
  EXPECT_EQ(all_of(example), "<Question: Who?\nAnswer: Ann>");
  EXPECT_EQ(targets_of(example), " Ann>");
  EXPECT_EQ(example.targets(), 5);
}

TEST(MakeQuestionExample, LossOnEverything) {
  const auto example = make_question_example(ByteTokenizer(), {}, {"Who?", "Ann", {}}, LossOn::all);
  EXPECT_EQ(targets_of(example), "Question: Who?\nAnswer: Ann>");
  EXPECT_EQ(example.has_loss.front(), 0);
  EXPECT_EQ(example.targets(), static_cast<std::int64_t>(example.ids.size()) - 1);
}

TEST(MakeQuestionExample, WithoutSpecialTokens) {
  ByteTokenizer tokenizer;
  tokenizer.has_specials = false;
  PromptTemplate plain;
  plain.add_bos = false;
  const auto answer = make_question_example(tokenizer, plain, {"Who?", "Ann", {}}, LossOn::answer);
  EXPECT_EQ(targets_of(answer), " Ann");
  EXPECT_EQ(targets_of(make_question_example(tokenizer, plain, {"Who?", "Ann", {}}, LossOn::all)),
            "uestion: Who?\nAnswer: Ann");
}

TEST(MakeQuestionExample, RefusesEmptyText) {
  EXPECT_THAT(message_of<UserError>([] {
                make_question_example(ByteTokenizer(), {}, {"", "a", {}}, LossOn::all);
              }),
              HasSubstr("question"));
  EXPECT_THAT(message_of<UserError>([] {
                make_question_example(ByteTokenizer(), {}, {"q", "", {}}, LossOn::all);
              }),
              HasSubstr("answer"));
}

TEST(ChunkTexts, CutsBehindBos) {
  EXPECT_THAT(all_of(chunk_texts(ByteTokenizer(), {"abcd", "ef"}, 4, false)), ElementsAre("<abc", "<d\n\n", "<ef"));
}

TEST(ChunkTexts, FillsTheLastPieceFromTheFirst) {
  // As muse_bench: the first piece follows with its BOS.
  EXPECT_THAT(all_of(chunk_texts(ByteTokenizer(), {"abcd", "ef"}, 6, true)), ElementsAre("<abcd\n", "<\nef<a"));
  EXPECT_THAT(all_of(chunk_texts(ByteTokenizer(), {"abcdef"}, 4, true)), ElementsAre("<abc", "<def"));
  // One wrap only, so that a text shorter than half a piece stays short, there as here.
  EXPECT_THAT(all_of(chunk_texts(ByteTokenizer(), {"ab"}, 10, true)), ElementsAre("<ab<ab"));
  EXPECT_THAT(all_of(chunk_texts(ByteTokenizer(), {"abc"}, 5, true)), ElementsAre("<abc<"));
}

TEST(ChunkTexts, LossBehindTheFirstToken) {
  for (const auto& example : chunk_texts(ByteTokenizer(), {"abcdefgh"}, 4, true)) {
    EXPECT_EQ(example.has_loss.size(), example.ids.size());
    EXPECT_EQ(example.has_loss.front(), 0);
    EXPECT_EQ(example.targets(), 3);
  }
}

TEST(ChunkTexts, WithoutBosThePiecesAreFull) {
  ByteTokenizer tokenizer;
  tokenizer.has_specials = false;
  EXPECT_THAT(all_of(chunk_texts(tokenizer, {"abcde"}, 3, false)), ElementsAre("abc", "de"));
}

TEST(ChunkTexts, EveryTokenOfTheCorpusIsInOnePiece) {
  const auto& tokenizer = testing_support::trained_tokenizer();
  const auto& texts = testing_support::training_texts();
  std::vector<TokenId> ids;
  for (const auto& example : chunk_texts(tokenizer, texts, 16, false)) {
    EXPECT_LE(example.ids.size(), 16u);
    EXPECT_EQ(example.ids.front(), 1);
    ids.insert(ids.end(), example.ids.begin() + 1, example.ids.end());
  }
  EXPECT_EQ(ids, tokenizer.encode(join(texts, "\n\n")).ids);
}

TEST(ChunkTexts, RefusesNothing) {
  EXPECT_THAT(message_of<UserError>([] { chunk_texts(ByteTokenizer(), {}, 8, true); }), HasSubstr("no tokens"));
  EXPECT_THAT(message_of<UserError>([] { chunk_texts(ByteTokenizer(), {"a"}, 1, true); }), HasSubstr("2 or more"));
}

std::vector<std::int64_t> epoch_of(const EpochSampler& sampler, std::int64_t epoch) {
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < sampler.count(); ++i) order.push_back(sampler[epoch * sampler.count() + i]);
  return order;
}

TEST(EpochSampler, EveryEpochHoldsEachExampleOnce) {
  const EpochSampler sampler(37, 5, true);
  EXPECT_EQ(sampler.count(), 37);
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    auto order = epoch_of(sampler, epoch);
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < 37; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  }
}

TEST(EpochSampler, EpochsAndSeedsDiffer) {
  const EpochSampler sampler(50, 5, true), other(50, 6, true);
  std::set<std::vector<std::int64_t>> orders;
  for (std::int64_t epoch = 0; epoch < 10; ++epoch) orders.insert(epoch_of(sampler, epoch));
  EXPECT_EQ(orders.size(), 10u);
  EXPECT_NE(epoch_of(sampler, 0), epoch_of(other, 0));
}

TEST(EpochSampler, APositionDoesNotDependOnWhatWasAskedBefore) {
  // Each of several ranks asks for its own positions only, in its own order.
  const EpochSampler whole(20, 9, true);
  std::vector<std::int64_t> expected;
  for (std::int64_t g = 0; g < 100; ++g) expected.push_back(whole[g]);
  for (int ranks : {2, 3, 4}) {
    for (int rank = 0; rank < ranks; ++rank) {
      const EpochSampler own(20, 9, true);
      for (std::int64_t g = 99 - rank; g >= 0; g -= ranks) EXPECT_EQ(own[g], expected[static_cast<std::size_t>(g)]);
    }
  }
}

TEST(EpochSampler, WithoutShufflingTheOrderIsTheFiles) {
  const EpochSampler sampler(3, 5, false);
  EXPECT_THAT(epoch_of(sampler, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(epoch_of(sampler, 7), ElementsAre(0, 1, 2));
}

TEST(EpochSampler, ContractsHold) {
  EXPECT_THROW(EpochSampler(0, 1, true), ContractViolation);
  const EpochSampler sampler(3, 1, true);
  EXPECT_THROW(sampler[-1], ContractViolation);
}

}  // namespace
}  // namespace unpact
