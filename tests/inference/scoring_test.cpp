#include "unpact/inference/scoring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "support/tiny_models.hpp"
#include "unpact/core/operation_tally.hpp"
#include "unpact/inference/answer_rows.hpp"
#include "unpact/inference/packed_pass.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::log_probabilities;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::tiny_transformer;

constexpr double kRounding = 1e-5;  // float32 sums in another order

/// Prompts of 1..25 and answers of 1..9 tokens.
std::vector<PromptAnswer> some_items() {
  std::vector<PromptAnswer> items;
  for (std::size_t i = 0; i < 9; ++i) items.push_back({random_ids(1 + 3 * i, i), random_ids(1 + (5 * i) % 9, 100 + i)});
  return items;
}

/// log softmax of the logits of one full pass over prompt and answer.
std::vector<float> by_definition(const Transformer& model, const PromptAnswer& item) {
  auto ids = item.prompt;
  ids.insert(ids.end(), item.answer.begin(), item.answer.end());
  const auto log_p_SV = log_probabilities(model, ids);
  std::vector<float> scores;
  for (std::size_t k = 0; k < item.answer.size(); ++k)
    scores.push_back(log_p_SV[static_cast<std::int64_t>(item.prompt.size() + k) - 1][item.answer[k]].item<float>());
  return scores;
}

void expect_scores(const std::vector<float>& actual, const std::vector<float>& expected, const std::string& what) {
  expect_close(at::tensor(actual), at::tensor(expected), kRounding, what);
}

TEST(Scoring, IsTheLogSoftmaxOfTheLogits) {
  const auto model = tiny_transformer(1);
  for (const auto& item : some_items())
    expect_scores(score_answers(model, {item}).front(), by_definition(model, item), concat(item.prompt.size(), " tokens"));
}

TEST(Scoring, ABatchOfUnequalLengthsIsLikeOneByOne) {
  const auto model = tiny_transformer(2);
  const auto items = some_items();
  for (const std::size_t budget : {1, 40, 100, 4096}) {
    const auto scores = score_answers(model, items, budget);
    for (std::size_t i = 0; i < items.size(); ++i)
      expect_scores(scores[i], score_answers(model, {items[i]}).front(), concat("item ", i, ", budget ", budget));
  }
}

std::vector<TokenId> joined(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Questions after the same examples, with answers that begin alike, one that another begins with, equal ones, and other
/// prompts that begin with a whole item.
std::vector<PromptAnswer> items_that_share() {
  const auto front = random_ids(33, 1), answer = random_ids(12, 2);
  std::vector<PromptAnswer> items;
  for (std::uint64_t q = 0; q < 3; ++q) {
    const auto prompt = joined(front, random_ids(4 + q, 10 + q));
    for (std::uint64_t a = 0; a < 3; ++a) items.push_back({prompt, joined(answer, random_ids(1 + a, 20 + a))});
    items.push_back({prompt, answer});
    items.push_back({prompt, {static_cast<TokenId>(5 + q)}});
  }
  items.push_back(items.front());
  items.push_back({joined(items[1].prompt, items[1].answer), {7, 8}});
  items.push_back({front, {9}});
  for (const auto& item : some_items()) items.push_back(item);
  return items;
}

class ScoringOf : public testing::TestWithParam<std::string> {};

TEST_P(ScoringOf, WhatIsSharedIsLikeFullPasses) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto items = items_that_share();
  const auto scores = score_answers(model, items), expected = score_by_passes(model, items);
  for (std::size_t i = 0; i < items.size(); ++i) expect_scores(scores[i], expected[i], concat("item ", i));
}

INSTANTIATE_TEST_SUITE_P(Architectures, ScoringOf, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(Scoring, BitsDependNeitherOnOtherItemsNorOnMemory) {
  const auto model = tiny_transformer(6);
  auto items = items_that_share();
  const auto together = score_answers(model, items);
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(score_answers(model, {items[i]}).front(), together[i]) << i;
  for (const std::uint64_t budget : {1, 100, 300}) EXPECT_EQ(score_answers(model, items, budget), together) << budget;
  std::ranges::reverse(items);
  auto reversed = score_answers(model, items);
  std::ranges::reverse(reversed);
  EXPECT_EQ(reversed, together);
}

TEST(Scoring, APromptRunsOnceForItsAnswersAndExamplesOnceForAllPrompts) {
  const auto model = tiny_transformer(7);
  const auto items = items_that_share();
  std::size_t positions = 0, whole = 0;
  double planned = 0;
  for (const auto& part : parts_of_answers(items)) {
    positions += part.length;
    planned += pass_operations(model.config(),
                               {{0, static_cast<std::int64_t>(part.length), static_cast<std::int64_t>(part.begin), 0, 0,
                                 static_cast<std::int64_t>(part.scored)}},
                               false) +
               2 * head_size(model.config()) * static_cast<double>(part.scored);
  }
  for (const auto& item : items) whole += item.prompt.size() + item.answer.size() - 1;
  EXPECT_LT(positions, whole / 2);
  const double before = operations_so_far();
  score_answers(model, items);
  EXPECT_NEAR(operations_so_far() - before, planned, 1e-6 * planned) << "what plans reckon with is what runs";
}

TEST(Scoring, ProbabilitiesOfAllNextTokensSumToOne) {
  const auto model = tiny_transformer(3);
  std::vector<PromptAnswer> items;
  for (TokenId id = 0; id < 61; ++id) items.push_back({{1, 2, 3}, {id}});
  double total = 0;
  for (const auto& score : score_answers(model, items)) total += std::exp(score.front());
  EXPECT_NEAR(total, 1.0, 1e-5);
}

TEST(Scoring, NoItemsGiveNoScores) { EXPECT_TRUE(score_answers(tiny_transformer(1), {}).empty()); }

TEST(Scoring, RowChunksChangeNothing) {
  const auto model = tiny_transformer(4);
  const c10::InferenceMode guard;
  const auto hidden = model.hidden(testing_support::row_of(random_ids(23, 1))).squeeze(0);
  const auto targets = at::tensor(random_ids(23, 2), at::kLong);
  const auto whole = target_log_probabilities(model, hidden, targets);
  expect_close(whole, model.logits(hidden).log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1), kRounding, "whole");
  for (const std::int64_t chunk : {1, 5, 22, 23, 24})
    expect_close(target_log_probabilities(model, hidden, targets, chunk), whole, kRounding, concat("chunks of ", chunk));
}

TEST(Scoring, TilesOfTheVocabularyChangeNothing) {
  auto config = testing_support::tiny_config();
  config.vocabulary_size = 3001;
  const auto model = tiny_transformer(5, config);
  const c10::InferenceMode guard;
  // 1500 rows go through in two pieces, each of which sees the vocabulary in nine tiles; 7 rows in one of each.
  for (const std::int64_t rows : {1500, 7}) {
    const auto hidden_RD = at::randn({rows, config.hidden_size}, at::detail::createCPUGenerator(3)) * 4;
    const auto targets_R = at::randint(config.vocabulary_size, {rows}, at::detail::createCPUGenerator(4), at::kLong);
    const auto by_rows = target_log_probabilities(model, hidden_RD, targets_R, 100);
    // Values of up to 80, whose last bit is 8e-6.
    expect_close(target_log_probabilities(model, hidden_RD, targets_R), by_rows, 4 * kRounding, concat(rows, " rows"));
    const std::vector<std::int64_t> asked_rows = {rows - 1, 0, rows / 2, 0, rows / 2, 5};
    const std::vector<TokenId> asked_tokens = {3000, 0, 349, 2999, 348, 350};
    expect_close(at::tensor(chosen_log_probabilities(model, hidden_RD, asked_rows, asked_tokens)),
                 at::tensor(chosen_log_probabilities(model, hidden_RD, asked_rows, asked_tokens, 100)), 4 * kRounding,
                 "chosen");
  }
}

TEST(Scoring, AnInfiniteLogitOfAnyTileIsNotHidden) {
  auto config = testing_support::tiny_config();
  config.vocabulary_size = 3001;
  auto model = tiny_transformer(5, config);
  model.weights().head_VD[2900].fill_(std::numeric_limits<float>::infinity());
  const c10::InferenceMode guard;
  const auto scores = target_log_probabilities(model, at::ones({600, config.hidden_size}), at::zeros({600}, at::kLong));
  EXPECT_TRUE(scores.isnan().all().item<bool>());
}

TEST(Scoring, LongSequencesFillTheContext) {
  const auto model = tiny_transformer(1);
  EXPECT_EQ(score_answers(model, {{random_ids(90, 1), random_ids(6, 1)}}).front().size(), 6U);
  EXPECT_THAT(message_of<UserError>([&] {
                score_answers(model, {{random_ids(90, 1), random_ids(7, 1)}});
              }),
              AllOf(HasSubstr("97 tokens"), HasSubstr("96")));
}

TEST(Scoring, RefusesWhatHasNoScore) {
  const auto model = tiny_transformer(1);
  const auto refusal = [&](const PromptAnswer& item) {
    return message_of<UserError>([&] { score_answers(model, {{{1}, {2}}, item}); });
  };
  EXPECT_THAT(refusal({{}, {1}}), HasSubstr("item 1 has an empty prompt"));
  EXPECT_THAT(refusal({{1}, {}}), HasSubstr("item 1 has an empty answer"));
  EXPECT_THAT(refusal({{1, 61}, {1}}), HasSubstr("token id 61"));
  EXPECT_THAT(refusal({{1}, {-1}}), HasSubstr("token id -1"));
}

TEST(Scoring, NamesTheItemThatIsNotFinite) {
  auto model = tiny_transformer(1);
  model.weights().embedding_VD[7].fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>([&] {
                score_answers(model, {{{1, 2}, {3}}, {{1, 7}, {3}}});
              }),
              HasSubstr("item 1"));
}

TEST(Scoring, TheMeanIsPerToken) {
  EXPECT_DOUBLE_EQ(mean_log_probability({-1.0F, -2.5F}), -1.75);
  EXPECT_THROW(mean_log_probability({}), ContractViolation);
}

}  // namespace
}  // namespace unpact
