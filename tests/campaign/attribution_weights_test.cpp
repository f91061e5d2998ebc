#include "src/campaign/attribution_weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "support/parity.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::FloatNear;
using testing::Pointwise;
using testing_support::Expected;
using testing_support::parity;

/// test_vectors' `contribution_weights`: three candidates, two of them KeyTokens, four targets.
QuestionContributions some_contributions() {
  QuestionContributions c;
  c.is_key_token = {1, 1, 0};
  c.log_probabilities = {-0.2F, -0.1F, -0.5F, -0.05F, -2.2F,  -0.15F, -0.6F,  -0.05F,
                         -0.3F, -0.1F, -3.5F, -0.04F, -0.25F, -0.12F, -0.55F, -0.06F};
  c.whole = {-0.2F, -0.1F, -0.5F, -0.05F};
  c.joint = {-3.2F, -0.05F, -1.5F, -0.05F};
  return c;
}

std::vector<float> weights(AttributionWeights kind, double share = 0.2, std::uint64_t seed = 0, std::size_t question = 0) {
  return weights_of_answer(some_contributions(), {kind, share, seed}, question).value();
}

MATCHER_P(Near, expected, "") { return testing::Matches(Pointwise(FloatNear(1e-6F), std::vector<float>(expected)))(arg); }

TEST(AttributionWeights, AreWhatAnswerTokensOweToTheKeyTokens) {
  using Floats = std::vector<float>;
  EXPECT_THAT(weights(AttributionWeights::contribution), Near(Floats{1.6F, 0.03809524F, 2.36190476F, 0}));
  EXPECT_THAT(weights(AttributionWeights::hard), Near(Floats{0, 0, 4, 0}));
  EXPECT_THAT(weights(AttributionWeights::hard, 0.5), Near(Floats{2, 0, 2, 0}));
  EXPECT_THAT(weights(AttributionWeights::hard, 1), Near(Floats{4.0F / 3, 4.0F / 3, 4.0F / 3, 0})) << "what owes nothing";
  EXPECT_THAT(weights(AttributionWeights::complement), Near(Floats{0.5594406F, 1.7062937F, 0, 1.7342657F}))
      << "4 (3.1 - a) / 7.15";
  EXPECT_THAT(weights(AttributionWeights::joint), Near(Floats{3, 0, 1, 0}));
}

TEST(AttributionWeights, OfTheControlAreTheSameInAnotherOrder) {
  auto expected = weights(AttributionWeights::contribution);
  const auto plain = expected;
  std::ranges::sort(expected);
  bool differs = false;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    auto drawn = weights(AttributionWeights::random, 0.2, seed);
    EXPECT_EQ(drawn, weights(AttributionWeights::random, 0.2, seed)) << "drawn from the seed";
    differs = differs || drawn != weights(AttributionWeights::random, 0.2, seed, 1);
    std::ranges::sort(drawn);
    EXPECT_EQ(drawn, expected) << "the same histogram, to the last bit";
  }
  EXPECT_TRUE(differs) << "each question has an order of its own";
}

TEST(AttributionWeights, AreMissingWithoutKeyTokens) {
  auto none = some_contributions();
  none.is_key_token = {0, 0, 0};
  EXPECT_EQ(weights_of_answer(none, {}, 0), std::nullopt);
  EXPECT_EQ(weights_of_answer({}, {}, 0), std::nullopt) << "longer than the context";
  auto equal = some_contributions();
  equal.joint = equal.whole;
  EXPECT_EQ(weights_of_answer(equal, {AttributionWeights::joint}, 0), std::nullopt);
}

TEST(AttributionWeights, BelongToTheTargetsOfEachExampleAndAreElseUniform) {
  const testing_support::ByteTokenizer tokenizer;
  const PromptTemplate prompt_template;
  const std::vector<QuestionAnswer> pairs = {{"Who?", "Ada", {}}, {"Where?", "Rome", {}}, {"Who? Think of Ada.", "Ada", {}}};
  const auto examples = question_examples(tokenizer, prompt_template, pairs, LossOn::answer);
  std::vector<QuestionContributions> of(2);
  const auto T = static_cast<std::size_t>(examples[0].targets());
  of[0].is_key_token = {1};
  of[0].log_probabilities.assign(2 * T, -1);
  of[0].log_probabilities[T + 1] = -3;
  const auto found = attribution_weights(pairs, examples, tokenizer, prompt_template, of, {0, 1, 0}, {});
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<float> of_targets;
    for (std::size_t t = 0; t < found[i].size(); ++t) {
      if (examples[i].has_loss[t] != 0) of_targets.push_back(found[i][t]);
      else EXPECT_EQ(found[i][t], 0) << "of the prompt nothing is weighted";
    }
    std::vector<float> expected(of_targets.size(), i == 1 ? 1.0F : 0.0F);
    if (i != 1) expected[1] = static_cast<float>(T);
    EXPECT_EQ(of_targets, expected) << i;
  }
}

/// A tokenizer of which no word is asked here, but that answers end with the token 2.
class EndsWithTwo : public testing_support::ByteTokenizer {
 public:
  std::optional<TokenId> eos_id() const override { return end; }
  TokenId end = 2;
};

/// All kinds from a transformers model: contributions of full passes, KeyTokens, joint removal (tests/parity/oracle_loo.py).
/// The last token of the oracle's answers stands for the end.
TEST(AttributionWeights, AreThoseOfPytorch) {
  UNPACT_NEED_PARITY("loo.safetensors");
  const Expected fixture("loo.safetensors");
  const auto listing = read_json_file(parity("loo.json"));
  const auto tokenizer = std::make_shared<EndsWithTwo>();
  const LanguageModel model{testing_support::load_transformer(parity(listing["model"])), tokenizer, PromptTemplate(), {}};
  const auto method = make_leave_one_out(make_engine(EngineKind::shared_prefix, 0));
  std::size_t seen = 0;
  for (const auto& entry : listing["cases"]) {
    const auto name = concat("loo.", entry.get<std::string>(), ".");
    const auto ids = fixture.integers(name + "ids"), answer = fixture.integers(name + "answer"),
               range = fixture.integers(name + "candidates");
    if (answer.size() < 2) continue;
    AskedQuestion asked;
    asked.prompt.ids = ids;
    asked.prompt.candidate_begin = static_cast<std::size_t>(range[0]);
    asked.prompt.candidate_end = static_cast<std::size_t>(range[1]);
    asked.prompt.spans.resize(ids.size());
    asked.gold_answer.assign(answer.begin(), answer.end() - 1);
    tokenizer->end = answer.back();
    const auto c =
        contributions_of(Communicator(), model, {asked}, {listing["alpha"], listing["beta"]}, *method, "test").front();
    const auto keys = fixture[name + "weights.keys"];
    for (std::size_t i = 0; i < c.is_key_token.size(); ++i)
      EXPECT_EQ(c.is_key_token[i], keys[static_cast<std::int64_t>(i)].item<std::uint8_t>()) << name << i;
    for (const auto kind : {AttributionWeights::contribution, AttributionWeights::hard, AttributionWeights::complement,
                            AttributionWeights::joint}) {
      const auto key = concat(name, "weights.", name_of_value(kind));
      if (keys.sum().item<std::int64_t>() == 0) continue;
      const auto expected = fixture[key];
      const auto found = weights_of_answer(c, {kind, listing["share"], 0}, 0).value_or(std::vector<float>(answer.size(), 1));
      ASSERT_EQ(static_cast<std::int64_t>(found.size()), expected.numel());
      // Differences of float32 log-probabilities, about 1e-6 each, divided by sums of at least 0.05.
      for (std::size_t t = 0; t < found.size(); ++t, ++seen)
        EXPECT_NEAR(found[t], expected[static_cast<std::int64_t>(t)].item<float>(), 3e-4) << key << t;
    }
  }
  EXPECT_GE(seen, 40U);
}

}  // namespace
}  // namespace unpact
