/// Training a model whose weights are views of mapped files: each rank reads its pieces alone.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/temporary_folder.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "support/training_examples.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::first_difference;
using testing_support::message_of;
using testing_support::random_examples;
using testing_support::SharedFolder;
using testing_support::tiny_config_of;
using testing_support::tiny_transformer;

class MappedTraining : public testing::TestWithParam<std::string> {
 protected:
  /// The model's weights in a folder of that name, which only a reader of weights can use.
  std::filesystem::path stored(const Transformer& model, const std::string& name, at::ScalarType dtype) const {
    const auto folder = folder_.path() / name;
    if (world_.is_root()) {
      std::filesystem::create_directories(folder);
      NamedTensors tensors;
      for (const auto& [key, tensor] : file_tensors(model.config(), model.weights()))
        tensors.emplace_back(key, tensor.to(dtype));
      write_safetensors(folder / "model.safetensors", tensors);
    }
    world_.barrier();
    return folder;
  }

  TrainOptions options() const {
    TrainOptions options;
    options.max_steps = 4;
    options.batch_size = 5;
    options.micro_batch = 2;
    options.learning_rate = 1e-3;
    return options;
  }

  Communicator world_ = Communicator::world();
  SharedFolder folder_{world_};
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU);
  CrossEntropyTerm term_{random_examples(11, 1)};
};

TEST_P(MappedTraining, GivesTheBitsOfTheModelInMemory) {
  const auto config = tiny_config_of(GetParam());
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const bool all : {true, false}) {
      const auto selected = [all](const std::string& name) { return all || name.starts_with("model.layers.1."); };
      auto in_memory = tiny_transformer(1, config);
      for (auto& spec : weight_specs(config, in_memory.weights())) *spec.slot = spec.slot->to(dtype).to(at::kFloat);
      if (config.tied_embeddings) in_memory.weights().head_VD = in_memory.weights().embedding_VD;
      Transformer mapped(config, map_weights(config, stored(in_memory, concat("model-", static_cast<int>(dtype)), dtype)));
      const auto expected = train(in_memory, {{&term_, 1.0}}, options(), *group_, selected);
      auto chosen = options();
      chosen.device = at::kCPU;
      chosen.result.keeper = world_.size() - 1;
      const auto reports = train(mapped, {{&term_, 1.0}}, chosen, *group_, selected);
      for (std::size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(reports[i].loss, expected[i].loss) << "step " << i;
      if (world_.rank() == chosen.result.keeper) {
        EXPECT_EQ(first_difference(mapped.weights(), in_memory.weights()), "");
        EXPECT_EQ(mapped.weights().head_VD.is_same(mapped.weights().embedding_VD), config.tied_embeddings);
      } else {
        EXPECT_FALSE(mapped.weights().embedding_VD.defined());
      }
    }
  }
}

// Among them every layout of files: fused, interleaved, and an expert a tensor.
INSTANTIATE_TEST_SUITE_P(Of, MappedTraining, testing::Values("llama", "qwen3", "gpt2", "phi3", "gpt_neox", "mixtral"),
                         [](const auto& test) { return test.param; });

using MappedTrainingFaults = MappedTraining;

TEST_P(MappedTrainingFaults, AWeightThatIsNotFiniteIsNamedOnEveryRank) {
  const auto config = tiny_config_of(GetParam());
  auto broken = tiny_transformer(1, config);
  testing_support::spoil(broken.weights(), "model.layers.2.mlp.up_proj.weight");
  Transformer mapped(config, map_weights(config, stored(broken, "broken", at::kFloat)));
  auto chosen = options();
  chosen.device = at::kCPU;
  for (const auto* trained : {"model.layers.", "model.norm."}) {
    Transformer model(config, mapped.weights());
    EXPECT_THAT(
        message_of<UserError>([&] {
          train(model, {{&term_, 1.0}}, chosen, *group_, [&](const std::string& name) { return name.starts_with(trained); });
        }),
        HasSubstr("'model.layers.2.mlp.up_proj.weight'"));
  }
}

INSTANTIATE_TEST_SUITE_P(Of, MappedTrainingFaults, testing::Values("llama"), [](const auto& test) { return test.param; });

TEST(MapWeights, RefusesFilesThatDoNotFit) {
  const testing_support::TemporaryFolder folder;
  write_safetensors(folder.path() / "model.safetensors", {{"model.norm.weight", at::ones({24})}});
  EXPECT_THAT(message_of<UserError>([&] { map_weights(testing_support::tiny_config(), folder.path()); }),
              HasSubstr("missing: model.embed_tokens.weight"));
}

}  // namespace
}  // namespace unpact
