// Every architecture against transformers: gradients, precision, windows, and the layout of its files.
#include "unpact/checkpoint/architecture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/block_math.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::Expected;
using testing_support::first_difference;
using testing_support::parity;
using testing_support::random_ids;
using testing_support::row_of;
using testing_support::TemporaryFolder;

/// Mean cross-entropy over all next tokens of all rows, each run alone.
at::Tensor cross_entropy(const Transformer& model, const Expected& fixture) {
  const auto tokens_BS = fixture["tokens"];
  const auto lengths = fixture.integers("lengths");
  std::vector<at::Tensor> losses;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 2) continue;
    const auto ids_1S = tokens_BS.narrow(0, static_cast<std::int64_t>(b), 1).narrow(1, 0, lengths[b]);
    const auto log_p_SV = model.logits(model.hidden(ids_1S)).squeeze(0).log_softmax(1).narrow(0, 0, lengths[b] - 1);
    losses.push_back(-log_p_SV.gather(1, ids_1S.narrow(1, 1, lengths[b] - 1).t()));
  }
  return at::cat(losses).mean();
}

/// The gradients of all weights, each in the place of its weight.
Weights gradients_of(const ModelConfig& config, const Weights& weights) {
  auto gradients = weights;
  for (auto& spec : weight_specs(config, gradients)) *spec.slot = spec.slot->grad();
  if (config.tied_embeddings) gradients.head_VD = gradients.embedding_VD;
  return gradients;
}

class ArchitectureParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_PARITY(concat(GetParam(), ".safetensors")); }
};

TEST_P(ArchitectureParity, LossAndGradientsInTheLayoutOfTheFile) {
  const Expected fixture(concat(GetParam(), ".safetensors"));
  auto model = testing_support::load_transformer(parity(GetParam()));
  for (auto& [name, tensor] : named_tensors(model.weights())) tensor.requires_grad_();
  const auto loss = cross_entropy(model, fixture);
  loss.backward();
  EXPECT_NEAR(loss.item<double>(), fixture.scalar("loss"), 1e-5);
  double worst = 0;
  for (const auto& [name, gradient] : file_tensors(model.config(), gradients_of(model.config(), model.weights()))) {
    const auto expected = fixture[concat("grad.", name)];
    ASSERT_EQ(gradient.sizes(), expected.sizes()) << name;
    if (name.ends_with("k_proj.bias") && model.config().block.positions == PositionKind::learned) {
      EXPECT_LE(gradient.abs().max().item<double>(), 1e-7) << name << ": one number more for all keys changes no softmax";
      continue;
    }
    const double relative = ((gradient - expected).norm() / expected.norm()).item<double>();
    EXPECT_LE(relative, 1e-4) << name;
    worst = std::max(worst, relative);
  }
  RecordProperty("worst", concat(worst));
}

TEST_P(ArchitectureParity, SavedFileHoldsTheTensorsOfTheOriginal) {
  const auto folder = parity(GetParam());
  const TemporaryFolder copy;
  const auto config = read_model_config(folder);
  save_checkpoint(copy.path() / "saved", config, load_weights(config, folder, at::kCPU), testing_support::ByteTokenizer());
  const SafetensorsFile before(folder / "model.safetensors"), after(copy.path() / "saved" / "model.safetensors");
  ASSERT_EQ(before.header().tensors.size(), after.header().tensors.size());
  for (const auto& [name, entry] : before.header().tensors)
    EXPECT_TRUE(testing_support::same_bits(before.tensor(name), after.tensor(name))) << name;
  const auto original = read_json_file(folder / "config.json"),
             written = read_json_file(copy.path() / "saved" / "config.json");
  for (const auto& [key, value] : original.items()) EXPECT_EQ(written[key], value) << key;
}

/// bf16 keeps 8 significant bits. What that costs is measured by transformers computing the same in bf16.
TEST_P(ArchitectureParity, BfloatStaysNear) {
  const Expected fixture(concat(GetParam(), ".safetensors"));
  const auto config = read_model_config(parity(GetParam()));
  LoadOptions options;
  options.dtype = at::kBFloat16;
  const Transformer model(config, load_weights(config, parity(GetParam()), at::kCPU, options));
  EXPECT_EQ(model.weights().embedding_VD.scalar_type(), at::kBFloat16);
  const auto last = fixture["tokens"].narrow(0, 3, 1);
  const auto logits_SV = model.logits(model.hidden(last)).squeeze(0), all = fixture["logits"];
  const auto expected = all.narrow(0, all.size(0) - 32, 32);
  EXPECT_EQ(logits_SV.scalar_type(), at::kFloat);
  const double relative = ((logits_SV - expected).norm() / expected.norm()).item<double>();
  RecordProperty("relative", concat(relative));
  RecordProperty("largest", concat(testing_support::largest_difference(logits_SV, expected)));
  EXPECT_LE(relative, 1.5 * fixture.scalar("bf16_difference"));
  EXPECT_GT(relative, 1e-4);  // it really was bf16
}

INSTANTIATE_TEST_SUITE_P(Models, ArchitectureParity, testing::ValuesIn(testing_support::parity_models()),
                         [](const auto& test) { return test.param; });

class TinyArchitecture : public testing::TestWithParam<std::string> {};

TEST_P(TinyArchitecture, APrefixAndACacheChangeNothing) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto ids = random_ids(20, 3);
  RecordingContext recording;
  const auto whole_1SD = model.hidden(row_of(ids), at::arange(20, at::kLong), recording);
  for (const std::int64_t prefix : {0, 1, 6, 19}) {
    PrefixContext context(recording.layers(), prefix, 20 - prefix);
    const auto tail = row_of({ids.begin() + prefix, ids.end()});
    expect_close(model.hidden(tail, at::arange(prefix, 20, at::kLong), context), whole_1SD.narrow(1, prefix, 20 - prefix),
                 1e-5, concat("prefix of ", prefix));
  }
  RecordingContext beginning;
  model.hidden(row_of({ids.begin(), ids.begin() + 7}), at::arange(7, at::kLong), beginning);
  GenerationCache cache(beginning.layers(), at::tensor({7}, at::kLong), 20);
  for (std::int64_t at = 7; at < 20; ++at) {
    const auto next_11D = model.hidden(row_of({ids[static_cast<std::size_t>(at)]}), cache.next_positions(), cache);
    cache.advance();
    expect_close(next_11D, whole_1SD.narrow(1, at, 1), 1e-5, concat("cached token ", at));
  }
}

TEST_P(TinyArchitecture, ABatchOfUnequalLengthsIsLikeOneByOne) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  std::vector<PromptAnswer> items;
  for (std::size_t i = 0; i < 6; ++i) items.push_back({random_ids(1 + 4 * i, i), random_ids(1 + i, 50 + i)});
  const auto scores = score_answers(model, items);
  for (std::size_t i = 0; i < items.size(); ++i)
    expect_close(at::tensor(scores[i]), at::tensor(score_answers(model, {items[i]}).front()), 1e-5, concat("item ", i));
}

TEST_P(TinyArchitecture, WeightsGoThroughAFileUnchanged) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const TemporaryFolder folder;
  for (const std::uint64_t shard_bytes : {1'000'000'000, 5'000, 1}) {
    SaveOptions options;
    options.max_shard_bytes = shard_bytes;
    const auto saved = folder.path() / concat("saved", shard_bytes);
    save_checkpoint(saved, model.config(), model.weights(), testing_support::ByteTokenizer(), options);
    const auto config = read_model_config(saved);
    EXPECT_EQ(config.block, model.config().block);
    EXPECT_EQ(config.windows, model.config().windows);
    EXPECT_EQ(config.rope_scaling, model.config().rope_scaling);
    EXPECT_EQ(first_difference(load_weights(config, saved, at::kCPU), model.weights()), "") << shard_bytes;
  }
}

TEST_P(TinyArchitecture, HasTheWeightsOfItsDescription) {
  const auto config = testing_support::tiny_config_of(GetParam());
  auto weights = random_weights(config, 1);
  std::int64_t elements = 0;
  const auto named = named_tensors(weights);
  const auto specs = weight_specs(config, weights);
  ASSERT_EQ(named.size(), specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    EXPECT_EQ(named[i].first, specs[i].name);
    EXPECT_EQ(named[i].second.sizes().vec(), specs[i].shape) << specs[i].name;
    elements += named[i].second.numel();
  }
  EXPECT_EQ(config.parameter_count(), elements);
  EXPECT_EQ(first_difference(clone_weights(weights), weights), "");
}

INSTANTIATE_TEST_SUITE_P(Models, TinyArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

TEST(SlidingWindow, TokensOutsideItDoNotCount) {
  auto config = testing_support::tiny_config_of("mistral");
  config.layers = 1;
  config.windows = {5};
  const auto model = testing_support::tiny_transformer(1, config);
  auto ids = random_ids(20, 1);
  const auto before = model.hidden(row_of(ids));
  ids[10] = (ids[10] + 7) % 61;
  const auto changed = (model.hidden(row_of(ids)) - before).abs().amax(-1).squeeze(0);
  for (std::int64_t at = 0; at < 20; ++at)  // positions 10..14 see it
    EXPECT_EQ(changed[at].item<float>() > 0, at >= 10 && at < 15) << at;
}

TEST(Opt, BareFilesAndRepeatedHeadsAreRead) {
  const auto model = testing_support::tiny_transformer_of("opt");
  NamedTensors tensors;
  for (const auto& [name, tensor] : file_tensors(model.config(), model.weights()))
    tensors.emplace_back(name.substr(std::string("model.").size()), tensor);
  tensors.emplace_back("lm_head.weight", model.weights().embedding_VD.clone());
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors", tensors);
  EXPECT_EQ(first_difference(load_weights(model.config(), folder.path(), at::kCPU), model.weights()), "");
}

/// Sparse, by hand: each token through its experts alone.
TEST(Mixtral, ExpertsThatARouterDoesNotChooseAddNothing) {
  const auto config = testing_support::tiny_config_of("mixtral");
  const auto model = testing_support::tiny_transformer(3, config);
  const auto& block = model.weights().blocks[0];
  const auto width = config.intermediate_size / config.block.experts;
  const auto x = at::randn({5, config.hidden_size});
  const auto dense = block_math::mlp(config, block, x);
  const auto likely = at::linear(x, block.router_ED).softmax(-1);
  for (std::int64_t row = 0; row < 5; ++row) {
    const auto [parts, experts] = likely[row].topk(2);
    auto sum = at::zeros({config.hidden_size});
    for (std::int64_t i = 0; i < 2; ++i) {
      const auto first = experts[i].item<std::int64_t>() * width;
      const auto inner = at::silu(at::mv(block.gate_FD.narrow(0, first, width), x[row])) *
                         at::mv(block.up_FD.narrow(0, first, width), x[row]);
      sum = sum + parts[i] / parts.sum() * at::mv(block.down_DF.narrow(1, first, width), inner);
    }
    expect_close(dense[row], sum, 1e-5, concat("row ", row));
  }
}

TEST(Gpt2, BareFilesAndCarriedMasksAreRead) {
  const auto model = testing_support::tiny_transformer_of("gpt2");
  NamedTensors tensors;
  for (const auto& [name, tensor] : file_tensors(model.config(), model.weights()))
    tensors.emplace_back(name.substr(std::string("transformer.").size()), tensor);
  tensors.emplace_back("h.0.attn.bias", at::ones({1, 1, 4, 4}));
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors", tensors);
  EXPECT_EQ(first_difference(load_weights(model.config(), folder.path(), at::kCPU), model.weights()), "");
}

TEST(Gpt2, StoresFusedAndTransposedMatrices) {
  const auto model = testing_support::tiny_transformer_of("gpt2");
  const auto& block = model.weights().blocks[1];
  std::map<std::string, at::Tensor> stored;
  for (const auto& [name, tensor] : file_tensors(model.config(), model.weights())) stored[name] = tensor;
  EXPECT_TRUE(at::equal(stored.at("transformer.h.1.attn.c_attn.weight"),
                        at::cat({block.query_HdD, block.key_GdD, block.value_GdD}).t()));
  EXPECT_TRUE(at::equal(stored.at("transformer.h.1.mlp.c_fc.weight"), block.up_FD.t()));
  EXPECT_EQ(stored.count("lm_head.weight"), 0U);
}

TEST(Gpt2, RandomOutputProjectionsAreSmaller) {
  auto config = testing_support::tiny_config_of("gpt2");
  config.hidden_size = 120;
  config.head_dim = 30;
  const auto weights = random_weights(config, 1);
  EXPECT_NEAR(weights.blocks[0].query_HdD.std().item<double>(), 0.2, 0.01);
  EXPECT_NEAR(weights.blocks[0].output_DHd.std().item<double>(), 0.2 / std::sqrt(6.0), 0.005);
  EXPECT_TRUE((weights.blocks[0].up_bias_F == 0).all().item<bool>());
}

}  // namespace
}  // namespace unpact
