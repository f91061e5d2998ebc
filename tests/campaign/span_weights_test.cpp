#include "src/campaign/span_weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/temporary_folder.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

QuestionAnswer pair_of(std::string answer, std::vector<std::string> entities) {
  QuestionAnswer pair{"Who wrote it?", std::move(answer), {}};
  pair.entities = std::move(entities);
  pair.where = "q.jsonl, line 7";
  return pair;
}

class SpanWeights : public testing::Test {
 protected:
  std::vector<Example> examples(const std::vector<QuestionAnswer>& pairs) const {
    return question_examples(tokenizer_, template_, pairs, LossOn::answer);
  }
  std::vector<float> weights(const QuestionAnswer& pair, const SpanRule& rule = {}) const {
    return span_weights({pair}, examples({pair}), tokenizer_, template_, rule).front();
  }
  testing_support::ByteTokenizer tokenizer_;
  PromptTemplate template_;
};

/// The weighted tokens, decoded, are the entity with what its tokens share with their neighbours.
TEST_F(SpanWeights, CoverTheEntityWhereverItStands) {
  const auto pair = pair_of("It was Ada Lovelace. Ada Lovelace wrote it.", {"Ada Lovelace"});
  const auto example = examples({pair}).front();
  const auto w = weights(pair, {0.25, 0});
  ASSERT_EQ(w.size(), example.ids.size());
  std::vector<TokenId> inside;
  for (std::size_t t = 0; t < w.size(); ++t) {
    EXPECT_TRUE(w[t] == 1 || w[t] == 0.25F);
    if (w[t] == 1) inside.push_back(example.ids[t]);
    EXPECT_TRUE(example.has_loss[t] || w[t] == 0.25F) << "of the prompt nothing is weighted";
  }
  const auto text = tokenizer_.decode(inside);
  EXPECT_NE(text.find("Ada Lovelace"), std::string::npos) << text;
  EXPECT_NE(text.find("Ada Lovelace"), text.rfind("Ada Lovelace")) << "both times: " << text;
  EXPECT_EQ(text.find("wrote"), std::string::npos) << text;
  EXPECT_EQ(w.back(), 0.25F) << "the end";
}

TEST_F(SpanWeights, CoverSeveralEntitiesAndLettersOfSeveralBytes) {
  const auto pair = pair_of("Jos\u00e9 M\u00fcller of \u00c5rhus", {"M\u00fcller", "\u00c5rhus"});
  const auto example = examples({pair}).front();
  const auto w = weights(pair);
  std::vector<TokenId> inside, outside;
  for (std::size_t t = 0; t < w.size(); ++t)
    if (example.has_loss[t]) (w[t] == 1 ? inside : outside).push_back(example.ids[t]);
  EXPECT_THAT(tokenizer_.decode(inside), AllOf(HasSubstr("ller"), HasSubstr("rhus")));
  EXPECT_EQ(tokenizer_.decode(outside).find("rhus"), std::string::npos);
}

TEST_F(SpanWeights, MayCountTheOnsetAlone) {
  const auto pair = pair_of("Ada Lovelace, yes: Ada Lovelace", {"Ada Lovelace"});  // a token a byte
  const auto w = weights(pair, {0, 3});
  EXPECT_EQ(std::count(w.begin(), w.end(), 1.0F), 6) << "three of each occurrence";
}

TEST_F(SpanWeights, EndWhereTheContextCutsTheExample) {
  const auto pair = pair_of("It was Ada Lovelace.", {"Ada"});
  auto cut = examples({pair});
  cut.front().ids.resize(cut.front().ids.size() - 4);
  cut.front().has_loss.resize(cut.front().ids.size());
  const auto w = span_weights({pair}, cut, tokenizer_, template_, {});
  EXPECT_EQ(w.front().size(), cut.front().ids.size());
}

TEST_F(SpanWeights, BelongToTheQuestionsThatAreLeft) {
  auto left_out = pair_of("Somebody", {"Somebody"}), kept = pair_of("Ada Lovelace", {"Ada"});
  kept.question = "Who?";
  const auto w = span_weights({left_out, kept}, examples({kept}), tokenizer_, template_, {});
  ASSERT_EQ(w.size(), 1);
  EXPECT_EQ(w.front(), weights(kept));
}

TEST_F(SpanWeights, NameTheEntryThatSaysNothingOrSomethingElse) {
  EXPECT_THAT(message_of<UserError>([&] { weights(pair_of("Ada", {})); }),
              AllOf(HasSubstr("q.jsonl, line 7"), HasSubstr("entity")));
  EXPECT_THAT(message_of<UserError>([&] { weights(pair_of("Ada", {"Charles"})); }),
              AllOf(HasSubstr("q.jsonl, line 7"), HasSubstr("'Charles'")));
}

}  // namespace
}  // namespace unpact
