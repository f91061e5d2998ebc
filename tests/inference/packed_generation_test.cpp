// Packed generation equals the padded one, and gives the same bits whatever is answered beside an answer.
#include "src/inference/padded_generation.hpp"
#include "src/inference/position_budget.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/tiny_architectures.hpp"
#include "unpact/comm/memory.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;

std::vector<TokenId> operator+(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

GenerationOptions options_of(std::int64_t tokens, bool sample) {
  GenerationOptions options;
  options.max_new_tokens = tokens;
  options.sample = sample;
  options.top_p = sample ? 0.9 : 1.0;
  options.temperature = sample ? 0.7 : 1.0;
  options.seed = 3;
  return options;
}

/// Prompts that share nothing, a long beginning, all of it, and a whole other prompt.
std::vector<GenerationRequest> requests_that_share() {
  const auto front = random_ids(33, 1), second = random_ids(20, 2);
  std::vector<GenerationRequest> requests = {{front + random_ids(5, 3), 0}, {random_ids(3, 4), 1}, {front, 2}};
  for (std::uint64_t i = 0; i < 6; ++i) requests.push_back({front + second + random_ids(1 + i, 10 + i), 3 + i});
  for (std::uint64_t i = 0; i < 4; ++i) requests.push_back({front + second, 20 + i});
  for (std::uint64_t i = 0; i < 8; ++i) requests.push_back({random_ids(2 + 6 * i, 30 + i), 40 + i});
  return requests;
}

/// Stop tokens that some of the answers meet.
ModelConfig stopping(ModelConfig config) {
  config.eos_ids = {3, 11, 29};
  return config;
}

void expect_same_bits(const std::vector<Continuation>& answers, const std::vector<Continuation>& expected) {
  ASSERT_EQ(answers.size(), expected.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].tokens, expected[i].tokens) << i;
    EXPECT_EQ(answers[i].log_probabilities, expected[i].log_probabilities) << i;
  }
}

class PackedGeneration : public testing::TestWithParam<std::string> {};

TEST_P(PackedGeneration, GivesTheAnswersOfThePaddedOne) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto requests = requests_that_share();
  for (const bool sample : {false, true}) {
    const auto options = options_of(24, sample);
    const auto answers = continue_prompts(model, requests, options), expected = continue_padded(model, requests, options);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      ASSERT_EQ(answers[i].tokens, expected[i].tokens) << i;
      for (std::size_t k = 0; k < answers[i].tokens.size(); ++k)
        EXPECT_NEAR(answers[i].log_probabilities[k], expected[i].log_probabilities[k], 1e-4) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, PackedGeneration, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(PackedGenerationBits, DoNotDependOnWhatIsAnsweredTogether) {
  const auto model = testing_support::tiny_transformer(5, stopping(testing_support::tiny_config()));
  auto requests = requests_that_share();
  for (const bool sample : {false, true}) {
    const auto options = options_of(24, sample);
    const auto together = continue_prompts(model, requests, options);
    std::vector<Continuation> alone;
    for (const auto& request : requests) alone.push_back(continue_prompts(model, {request}, options).front());
    expect_same_bits(together, alone);
    EXPECT_NE(std::ranges::min(together, {}, [](const auto& c) { return c.tokens.size(); }).tokens.size(), 24U);
    std::ranges::reverse(requests);
    auto reversed = continue_prompts(model, requests, options);
    std::ranges::reverse(reversed);
    std::ranges::reverse(requests);
    expect_same_bits(reversed, together);
  }
}

TEST(PackedGenerationBits, DoNotDependOnTheMemory) {
  const auto model = testing_support::tiny_transformer(6, stopping(testing_support::tiny_config()));
  const auto requests = requests_that_share();
  for (const bool sample : {false, true}) {
    auto options = options_of(20, sample);
    const auto expected = continue_prompts(model, requests, options);
    for (const std::uint64_t budget : {1, 200, 500, 1 << 20}) {
      options.token_budget = budget;
      expect_same_bits(continue_prompts(model, requests, options), expected);
    }
  }
}

TEST(PositionBudget, FollowsTheFreeMemoryThatRanksShare) {
  const auto model = testing_support::tiny_transformer(6);
  const auto& c = model.config();
  const double bytes = 2.0 * 4 * static_cast<double>(c.layers * c.key_value_heads * c.head_dim);
  const auto alone = static_cast<double>(positions_that_fit(model)), free = static_cast<double>(available_memory(at::kCPU));
  EXPECT_NEAR(alone * bytes, free / 2, free / 8) << "other programs take memory meanwhile";
  const auto ranks = ranks_of_node();
  set_ranks_of_node(4 * ranks);
  EXPECT_NEAR(static_cast<double>(positions_that_fit(model)), alone / 4, alone / 16);
  set_ranks_of_node(ranks);
  EXPECT_EQ(blocks_of_budget(model, 33), 2);
  EXPECT_GE(blocks_of_budget(model, 0), 1);
}

/// Sizes at which a library's product takes its fast paths; a vocabulary that comes in several parts.
TEST(PackedGenerationBits, DoNotDependOnTheRowsOfLargeProducts) {
  auto config = testing_support::tiny_config();
  config.hidden_size = 256;
  config.heads = config.key_value_heads = 4;
  config.head_dim = 64;
  config.intermediate_size = 688;
  config.layers = 2;
  config.vocabulary_size = 200003;
  const auto model = testing_support::tiny_transformer(7, config);
  std::vector<GenerationRequest> requests;
  for (std::uint64_t i = 0; i < 45; ++i) requests.push_back({random_ids(20, 1) + random_ids(1 + i % 7, 100 + i), i});
  const auto options = options_of(3, false);
  const auto together = continue_prompts(model, requests, options);
  for (const std::size_t i : {0, 17, 44}) expect_same_bits(continue_prompts(model, {requests[i]}, options), {together[i]});
}

}  // namespace
}  // namespace unpact
