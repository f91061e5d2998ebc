#include "unpact/evaluation/threshold_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/attribution/coalitions.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

TEST(SearchThresholds, CountsLabelsOverAllPrompts) {
  // Two prompts a half. With floors (0.5, 0): KeyTokens {0, 1} and {0}; labels {0} and {0, 1}.
  const std::vector<ThresholdPrompt> half = {{{2.0F, 1.0F, 0.1F}, {1, 0, 0}, {}}, {{2.0F, 0.9F}, {1, 1}, {}}};
  const auto grid = search_thresholds({half[0], half[0], half[1], half[1]}, "labels", {0.5, 1.0}, {0.0, 3.0}, 0);
  EXPECT_EQ(grid.tuned_prompts, 2U);
  EXPECT_EQ(grid.held_out_prompts, 2U);
  const auto& score = grid.tuned[0];
  EXPECT_DOUBLE_EQ(score.first, 2.0 / 3);   // precision: 2 of 3 KeyTokens are labelled
  EXPECT_DOUBLE_EQ(score.second, 2.0 / 3);  // recall: 2 of 3 labelled tokens
  EXPECT_DOUBLE_EQ(score.objective, 2.0 / 3);
  EXPECT_DOUBLE_EQ(score.key_tokens, 1.5);
  EXPECT_EQ(score.without_key_tokens, 0U);
  EXPECT_DOUBLE_EQ(grid.tuned[2].objective, 0.8);  // alpha 1: {0} and {0}: precision 1, recall 2/3
  EXPECT_EQ(grid.tuned[1].without_key_tokens, 2U);
  EXPECT_DOUBLE_EQ(grid.tuned[1].objective, 0.0);
  EXPECT_EQ(grid.best_alpha(), 1.0);
  EXPECT_EQ(grid.best_beta(), 0.0);
}

TEST(SearchThresholds, WeighsEffectAgainstTokens) {
  // Removing the largest takes 3 of the 4 nats that the question is worth, the next one the rest.
  const ThresholdPrompt prompt{{1.0F, 0.5F, 0.1F, 0.0F}, {}, {-1, -4, -5, -5, -5}};
  const auto grid = search_thresholds({prompt, prompt}, "effect", {0.0}, {0.05, 0.3, 0.8, 2.0}, 0.01);
  EXPECT_DOUBLE_EQ(grid.tuned[0].objective, 1.0 - 0.75);
  EXPECT_DOUBLE_EQ(grid.tuned[1].objective, 1.0 - 0.5);
  EXPECT_DOUBLE_EQ(grid.tuned[2].objective, 0.75 - 0.25);
  EXPECT_DOUBLE_EQ(grid.tuned[3].objective, 0.0);  // nothing chosen
  EXPECT_EQ(grid.best_beta(), 0.3);                // equal to 0.8, which has the worse neighbours
}

TEST(SearchThresholds, HoldsEverySecondPromptOut) {
  const ThresholdPrompt good{{1.0F, 0.0F}, {1, 0}, {}}, bad{{1.0F, 0.0F}, {0, 1}, {}};
  const auto grid = search_thresholds({good, bad, good, bad}, "labels", {0.5}, {0.1}, 0);
  EXPECT_DOUBLE_EQ(grid.tuned[0].objective, 1.0);
  EXPECT_DOUBLE_EQ(grid.held_out[0].objective, 0.0);
}

TEST(SearchThresholds, LeavesOutPromptsWhoseQuestionIsWorthNothing) {
  const ThresholdPrompt prompt{{1.0F}, {}, {-1, -2}}, idle{{1.0F}, {}, {-1, -1.005}};
  const auto grid = search_thresholds({prompt, prompt, idle}, "effect", {0.0}, {0.0}, 0.01);
  EXPECT_EQ(grid.tuned_prompts, 1U);
  EXPECT_THAT(message_of<UserError>([&] {
                search_thresholds({idle, prompt}, "effect", {0.0}, {0.0}, 0.01);
              }),
              HasSubstr("too few prompts"));
}

TEST(LabelCandidates, MarksTheTokensOfKeyWords) {
  const testing_support::ByteTokenizer tokenizer;
  AskedQuestion asked;
  asked.pair = {"The red kiosk, red?", "x", {"red", "kiosk"}};
  asked.prompt = build_prompt(tokenizer, {}, asked.pair.question);
  const auto labels = label_candidates(asked);  // one token a byte, and the space in front of the question is template
  ASSERT_EQ(labels.size(), asked.pair.question.size());
  std::string marked;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i]) marked += asked.pair.question[i];
  EXPECT_EQ(marked, "redkioskred");
  asked.pair.keys = {"blue"};
  EXPECT_THAT(message_of<UserError>([&] { label_candidates(asked); }), HasSubstr("'blue' is not in its question"));
}

TEST(ScoreWithoutLargest, RemovesThemTogether) {
  const auto model = testing_support::tiny_transformer(1);
  const AttributionTask task{testing_support::random_ids(9, 4), 2, 6, {3, 5}};
  const auto curve = score_without_largest(model, task, {0.1F, 0.5F, -1.0F, 0.3F}, 4096);
  CoalitionScorer scorer(model, task, 4096);
  const std::vector<Coalition> expected = {{1, 1, 1, 1}, {1, 0, 1, 1}, {1, 0, 1, 0}, {0, 0, 1, 0}, {0, 0, 0, 0}};
  EXPECT_EQ(curve, scorer.score(expected));
}

TEST(GridAxis, IsARangeOrAList) {
  EXPECT_THAT(read_grid_axis("0:0.1:0.05", "o"), ElementsAre(0, 0.05, 0.1));
  EXPECT_THAT(read_grid_axis("0.2, 0.22", "o"), ElementsAre(0.2, 0.22));
  EXPECT_EQ(read_grid_axis("0:0.6:0.02", "o")[11], 0.22);
  EXPECT_EQ(read_grid_axis("0:1:0.04", "o")[6], 0.24);
  for (const char* text : {"", "a", "0:1:0", "1:0:0.1", "0:1:0.0001", "0.3, 0.2", "1:2", "nan"})
    EXPECT_THAT(message_of<UserError>([&] { read_grid_axis(text, "attribution.tune_alphas"); }),
                HasSubstr("attribution.tune_alphas"))
        << text;
}

}  // namespace
}  // namespace unpact
