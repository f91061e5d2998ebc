/// Adapter folders as peft reads them.
#include "unpact/checkpoint/adapters.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/tiny_architectures.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::tiny_config_of;

class AdapterFolders : public testing::Test {
 protected:
  /// Adapters of random numbers, saved.
  std::filesystem::path saved(const std::string& architecture, const std::string& targets) {
    config_ = tiny_config_of(architecture);
    config_.adapters = adapter_shape(config_, 2, 4.5, targets);
    auto weights = random_weights(config_, 1);
    start_adapters(config_, weights, 5);
    adapters_.clear();
    for (const auto& spec : weight_specs(config_, weights))
      if (is_adapter(spec.name)) adapters_.emplace_back(spec.name, *spec.slot + 0.5);
    const auto folder = folder_.path() / architecture;
    save_adapter(folder, config_, adapters_, testing_support::ByteTokenizer(), {"/models/base", {}});
    return folder;
  }
  testing_support::TemporaryFolder folder_;
  ModelConfig config_;
  NamedTensors adapters_;
};

TEST_F(AdapterFolders, NameModulesAsTransformersDoes) {
  const auto folder = saved("llama", "q_proj, down_proj");
  const auto json = read_json_file(folder / "adapter_config.json");
  EXPECT_EQ(json["peft_type"], "LORA");
  EXPECT_EQ(json["r"], 2);
  EXPECT_EQ(json["lora_alpha"], 4.5);
  EXPECT_EQ(json["fan_in_fan_out"], false);
  EXPECT_EQ(json["base_model_name_or_path"], "/models/base");
  EXPECT_THAT(json["target_modules"].get<std::vector<std::string>>(), ElementsAre("mlp.down_proj", "self_attn.q_proj"));
  const SafetensorsFile file(folder / "adapter_model.safetensors");
  EXPECT_EQ(file.header().tensors.size(), adapters_.size());
  for (const auto& [name, tensor] : adapters_)
    EXPECT_TRUE(at::equal(file.tensor(concat("base_model.model.", name)), tensor)) << name;
}

TEST_F(AdapterFolders, FollowTheNamesOfEachLayout) {
  const auto phi = saved("phi", "o_proj, up_proj");
  EXPECT_NO_THROW(SafetensorsFile(phi / "adapter_model.safetensors")
                      .tensor("base_model.model.model.layers.1.self_attn.dense.lora_A.weight"));
  const auto gpt2 = saved("gpt2", "o_proj");
  const auto json = read_json_file(gpt2 / "adapter_config.json");
  EXPECT_THAT(json["target_modules"].get<std::vector<std::string>>(), ElementsAre("attn.c_proj"));
  EXPECT_EQ(json["fan_in_fan_out"], true) << "Conv1D keeps its weight transposed";
  const auto opt = saved("opt", "q_proj, up_proj");  // fc1 lies in no submodule: the block's number stands in front
  EXPECT_THAT(read_json_file(opt / "adapter_config.json")["target_modules"].get<std::vector<std::string>>(),
              ElementsAre("0.fc1", "1.fc1", "2.fc1", "self_attn.q_proj"));
  const auto neo = saved("gpt_neo", "o_proj");
  EXPECT_NO_THROW(SafetensorsFile(neo / "adapter_model.safetensors")
                      .tensor("base_model.model.transformer.h.2.attn.attention.out_proj.lora_B.weight"));
}

TEST_F(AdapterFolders, AreRefusedWhereAFileHoldsSeveralProjectionsInOneTensor) {
  const std::vector<std::pair<std::string, std::string>> fused = {
      {"gpt2", "q_proj"}, {"gpt_neox", "k_proj"}, {"phi3", "gate_proj"}};
  for (const auto& pair : fused)
    EXPECT_THAT(message_of<UserError>([&] { saved(pair.first, pair.second); }),
                AllOf(HasSubstr(pair.second), HasSubstr("train.lora_result = merged")))
        << pair.first;
  EXPECT_THAT(message_of<UserError>([&] { saved("mixtral", "up_proj"); }), HasSubstr("every expert's projection by itself"));
}

}  // namespace
}  // namespace unpact
