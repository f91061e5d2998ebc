/// T5 against transformers (tests/parity/oracle_t5.py): states, answers, and how files hold the weights.
#include "unpact/model/encoder_decoder.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_models.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::Expected;
using testing_support::message_of;

constexpr std::size_t kItems = 4;
// float32 on both sides, sums in another order: measured up to 3e-6.
constexpr double kLogitTolerance = 2e-5;

class T5Parity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    UNPACT_NEED_PARITY("t5_v11.safetensors");
    model_.emplace(testing_support::load_transformer(testing_support::parity(GetParam())));
    const Expected expected(GetParam() + ".safetensors");
    for (std::size_t i = 0; i < kItems; ++i)
      items_.push_back({expected.integers(concat("prompt.", i)), expected.integers(concat("answer.", i))});
  }
  std::optional<Transformer> model_;
  std::vector<PromptAnswer> items_;
};

TEST_P(T5Parity, LogitsAndScores) {
  const Expected expected(GetParam() + ".safetensors");
  const auto together = score_answers(*model_, items_), alone = score_by_passes(*model_, items_);
  for (std::size_t i = 0; i < kItems; ++i) {
    const auto& [prompt, answer] = items_[i];
    const auto written = at::tensor(std::vector<std::int64_t>(answer.begin(), answer.end() - 1), at::kLong).unsqueeze(0);
    const auto hidden = answer_states(*model_, testing_support::row_of(prompt), written);
    testing_support::expect_close(model_->logits(hidden).squeeze(0), expected[concat("logits.", i)], kLogitTolerance,
                                  concat("logits.", i));
    const auto log_p = expected[concat("log_p.", i)];
    for (const auto* scores : {&together[i], &alone[i]})
      testing_support::expect_close(at::tensor(*scores), log_p, kLogitTolerance, concat("log_p.", i));
  }
}

TEST_P(T5Parity, GreedyAnswers) {
  const Expected expected(GetParam() + ".safetensors");
  model_.reset();
  auto config = read_model_config(testing_support::parity(GetParam()));
  config.eos_ids = {};  // the oracle's answers go on, never with EOS
  Transformer model(config, load_weights(config, testing_support::parity(GetParam()), at::kCPU));
  std::vector<GenerationRequest> requests;
  for (const auto& item : items_) requests.push_back({item.prompt, 0});
  GenerationOptions options;
  options.max_new_tokens = 24;
  const auto answers = continue_prompts(model, requests, options);
  for (std::size_t i = 0; i < kItems; ++i) {
    EXPECT_EQ(answers[i].tokens, expected.integers(concat("greedy.", i))) << i;
    const auto scored = score_answers(model, {{items_[i].prompt, answers[i].tokens}}).front();
    for (std::size_t k = 0; k < scored.size(); ++k) EXPECT_NEAR(scored[k], answers[i].log_probabilities[k], kLogitTolerance);
  }
}

TEST_P(T5Parity, ASavedModelIsTheSame) {
  const testing_support::TemporaryFolder folder;
  const auto& config = model_->config();
  save_checkpoint(folder.path() / "saved", config, model_->weights(), testing_support::ByteTokenizer());
  const auto again = testing_support::load_transformer(folder.path() / "saved");
  EXPECT_EQ(testing_support::first_difference(again.weights(), model_->weights()), "");
  EXPECT_EQ(config_checksum(again.config()), config_checksum(config));
  const SafetensorsFile ours(folder.path() / "saved/model.safetensors"),
      theirs(testing_support::parity(GetParam()) / "model.safetensors");
  for (const auto& [name, entry] : theirs.header().tensors) {
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_TRUE(at::equal(ours.tensor(name), theirs.tensor(name))) << name;
  }
  EXPECT_EQ(ours.header().tensors.size(), theirs.header().tensors.size());
}

INSTANTIATE_TEST_SUITE_P(Of, T5Parity, testing::Values("t5", "t5_v11"), [](const auto& test) { return test.param; });

TEST(T5Config, SaysWhetherTheHeadIsTiedAndScaled) {
  const std::string sizes =
      R"("model_type": "t5", "vocab_size": 50, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2)";
  const auto plain = parse_model_config(concat("{", sizes, "}"), "config.json");
  EXPECT_TRUE(plain.tied_embeddings && plain.encoder.scaled_output);
  EXPECT_EQ(plain.layers, 2) << "as many as the encoder";
  EXPECT_EQ(plain.eos_ids, std::vector<std::int64_t>{1});
  const auto newer = parse_model_config(
      concat("{", sizes, R"(, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false, "num_decoder_layers": 3})"),
      "config.json");
  EXPECT_FALSE(newer.tied_embeddings || newer.encoder.scaled_output);
  EXPECT_EQ(newer.layers, 3);
  EXPECT_EQ(newer.block.activation, Activation::gelu_new);
  const auto five = parse_model_config(
      concat("{", sizes, R"(, "tie_word_embeddings": true, "scale_decoder_outputs": false})"), "config.json");
  EXPECT_TRUE(five.tied_embeddings && !five.encoder.scaled_output) << "as transformers 5 writes v1.1";
  EXPECT_THAT(message_of<UserError>(
                  [&] { parse_model_config(concat("{", sizes, R"(, "feed_forward_proj": "gated-sin"})"), "c.json"); }),
              HasSubstr("c.json: feed_forward_proj 'sin' is not supported"));
  EXPECT_THAT(
      message_of<UserError>([&] { parse_model_config(concat("{", sizes, R"(, "decoder_start_token_id": 50})"), "c.json"); }),
      HasSubstr("decoder_start_token_id 50 is outside the vocabulary"));
}

/// The buckets of every distance up to 30, by the published formula (transformers' T5Attention._relative_position_bucket).
TEST(T5Buckets, AreExactNearbyAndLogarithmicFarAway) {
  EncoderShape shape;
  shape.layers = 1;
  shape.buckets = 16;
  shape.max_distance = 20;
  const auto encoder = position_buckets(shape, 0, 31, 31, true);
  const std::vector<std::int64_t> before = {0, 1, 2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7};
  for (std::size_t d = 0; d < before.size(); ++d) {
    EXPECT_EQ(encoder[30][30 - static_cast<std::int64_t>(d)].item<std::int64_t>(), before[d]) << "back " << d;
    if (d == 0) continue;
    EXPECT_EQ(encoder[0][static_cast<std::int64_t>(d)].item<std::int64_t>(), before[d] + 8) << "ahead " << d;
  }
  const auto decoder = position_buckets(shape, 3, 2, 5, false);
  EXPECT_TRUE(at::equal(decoder, at::tensor({3, 2, 1, 0, 0, 4, 3, 2, 1, 0}, at::kLong).view({2, 5})));
}

}  // namespace
}  // namespace unpact
