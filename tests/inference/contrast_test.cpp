/// Two models that answer as one: every way of asking gives the combination of what both say alone.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::TemporaryFolder;
using testing_support::tiny_transformer_of;

class Contrast : public testing::TestWithParam<std::string> {
 protected:
  Transformer combined() const {
    auto model = tiny_transformer_of(GetParam(), 1);
    model.contrast_with(std::make_shared<const Transformer>(tiny_transformer_of(GetParam(), 2)), 1.5);
    return model;
  }
  /// z - scale * relu(z_reinforced - z) by two plain passes.
  at::Tensor plain_logits(const std::vector<TokenId>& ids) const {
    const auto one = tiny_transformer_of(GetParam(), 1), two = tiny_transformer_of(GetParam(), 2);
    const auto z = one.logits(one.hidden(row_of(ids))), other = two.logits(two.hidden(row_of(ids)));
    return z - 1.5 * at::relu(other - z);
  }
};

TEST_P(Contrast, LogitsAreTheFormula) {
  const auto model = combined();
  const auto ids = random_ids(13, 1);
  const auto hidden = model.hidden(row_of(ids));
  EXPECT_EQ(hidden.size(2), 2 * model.config().hidden_size);
  EXPECT_TRUE(at::equal(model.logits(hidden), plain_logits(ids)));
}

TEST_P(Contrast, GenerationWithACacheIsThatOfPlainPasses) {
  const auto model = combined();
  auto ids = random_ids(7, 2);
  GenerationOptions options;
  options.max_new_tokens = 12;
  const auto generated = generate(model, {{ids, 0}, {random_ids(3, 3), 0}}, options).front();
  ASSERT_EQ(generated.size(), 12U);
  for (const auto token : generated) {
    const auto last_V = plain_logits(ids)[0][-1];
    // Batched sums are in another order; the chosen token must be the best but for rounding.
    EXPECT_NEAR(last_V[token].item<double>(), last_V.max().item<double>(), 1e-4);
    ids.push_back(token);
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Contrast, testing::Values("llama", "gpt2", "windows"),
                         [](const auto& test) { return test.param; });

TEST(ContrastFolder, IsLoadedAsItWasSaved) {
  UNPACT_NEED_DATA("models/stories260K");
  const auto plain = load_language_model(testing_support::test_data("models/stories260K"), {}, at::kCPU);
  const TemporaryFolder folder;
  auto second = clone_weights(plain.transformer.weights());
  second.head_VD.mul_(1.1);
  const auto path = folder.path() / "pair";
  SaveOptions options;
  options.also = [&](const std::filesystem::path& inside) {
    save_contrast(inside, plain.transformer.config(), second, 4.5, *plain.tokenizer);
  };
  save_checkpoint(path, plain.transformer.config(), plain.transformer.weights(), *plain.tokenizer, options);
  const auto pair = load_language_model(path, {}, at::kCPU);
  ASSERT_NE(pair.transformer.reinforced(), nullptr);
  EXPECT_EQ(pair.transformer.contrast_scale(), 4.5);
  EXPECT_EQ(testing_support::first_difference(pair.transformer.reinforced()->weights(), second), "");
  EXPECT_NE(weights_checksum(path), weights_checksum(testing_support::test_data("models/stories260K")));
  std::filesystem::remove_all(path / kReinforcedFolder);
  EXPECT_THAT(message_of<UserError>([&] { load_language_model(path, {}, at::kCPU); }), HasSubstr("second model"));
}

TEST(ContrastFolder, ABrokenFileIsRefused) {
  const TemporaryFolder folder;
  EXPECT_EQ(contrast_scale_of(folder.path()), std::nullopt);
  for (const auto* text : {"", "[]", "{}", "{\"scale\": \"4\"}", "{\"scale\": null}"}) {
    folder.write("contrast.json", text);
    EXPECT_THAT(message_of<UserError>([&] { contrast_scale_of(folder.path()); }), HasSubstr("contrast.json")) << text;
  }
}

}  // namespace
}  // namespace unpact
