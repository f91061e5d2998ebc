#include "unpact/campaign/same_inputs.hpp"

#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;
using testing_support::small_config;
using testing_support::tiny_transformer;
using testing_support::trained_tokenizer;

class SameInputs : public testing_support::SmallCampaign {
 protected:
  /// Collective: the root replaces the model that all read.
  void replace_model(std::uint64_t seed, const ModelConfig& config = small_config()) {
    world_.barrier();
    if (world_.is_root()) {
      fs::remove_all(folder_ / "model");
      save_checkpoint(folder_ / "model", config, tiny_transformer(seed, small_config()).weights(), trained_tokenizer());
    }
    world_.barrier();
  }
  std::string refusal() {
    return message_of<UserError>([&] { load_alike(session_, configuration(), folder_ / "model"); });
  }
};

TEST_F(SameInputs, OtherTextOnOneRankIsRefusedOnAllWithBothChecksums) {
  EXPECT_NO_THROW(require_same_on_ranks(world_, "dataset", "aaa"));
  if (world_.size() == 1) return;
  const auto last = world_.size() - 1;
  const auto text =
      message_of<UserError>([&] { require_same_on_ranks(world_, "dataset", world_.rank() == last ? "bbb" : "aaa"); });
  EXPECT_THAT(text, AllOf(HasSubstr(concat("rank ", last, " has read another dataset than rank 0")), HasSubstr("aaa"),
                          HasSubstr("bbb")));
}

TEST_F(SameInputs, OtherWeightsDataOrConfigsOnOneRankAreRefused) {
  if (world_.size() == 1) return;
  const testing_support::TemporaryFolder own;  // one a rank
  const bool odd = world_.rank() == world_.size() - 1;
  auto config = small_config();
  save_checkpoint(own.path() / "weights", config, tiny_transformer(odd ? 2 : 1, config).weights(), trained_tokenizer());
  config.rope_theta = odd ? 5000 : 10000;
  save_checkpoint(own.path() / "config", config, tiny_transformer(1, config).weights(), trained_tokenizer());
  const auto refusal_of = [&](const char* name) {
    return message_of<UserError>([&] { load_alike(session_, configuration(), own.path() / name); });
  };
  EXPECT_THAT(refusal_of("weights"), AllOf(HasSubstr("another model (weights)"), HasSubstr("on rank 0 it is")));
  EXPECT_THAT(refusal_of("config"), HasSubstr("another model (config.json)"));
  auto c = configuration();
  c.dataset.path = (own.path() / "data").string();
  testing_support::write_small_dataset(c.dataset.path);
  if (odd) own.write("data/knowmem/retain_qa.json", R"([{"question": "Where is it?", "answer": "the river"}])");
  EXPECT_THAT(message_of<UserError>([&] { prepare_baseline(session_, c, out_); }), HasSubstr("another dataset"));
}

TEST_F(SameInputs, AFileThatIsBrokenOnOneRankIsRefusedOnAll) {
  const testing_support::TemporaryFolder own;  // one a rank
  const bool odd = world_.rank() == world_.size() - 1;
  auto weights = tiny_transformer(1, small_config()).weights();
  if (odd) weights.final_norm_D = weights.final_norm_D * std::numeric_limits<float>::quiet_NaN();
  save_checkpoint(own.path() / "values", small_config(), weights, trained_tokenizer());
  save_checkpoint(own.path() / "cut", small_config(), tiny_transformer(1, small_config()).weights(), trained_tokenizer());
  if (odd) fs::resize_file(own.path() / "cut/model.safetensors", 1000);
  const auto refusal_of = [&](const char* name) {
    return message_of<UserError>([&] { load_alike(session_, configuration(), own.path() / name); });
  };
  const auto last = world_.size() - 1;
  EXPECT_THAT(refusal_of("cut"), HasSubstr(odd ? "model.safetensors" : concat("rank ", last, " of the group failed")));
  // On a rank of several, the checksum says so before a value is read.
  EXPECT_THAT(refusal_of("values"), HasSubstr(world_.size() == 1 ? "holds NaN" : "another model (weights)"));
}

TEST_F(SameInputs, AModelThatIsReplacedBetweenTwoLoadsIsRefusedWithBothChecksums) {
  const auto before = load_alike(session_, configuration(), folder_ / "model").checksums.weights;
  EXPECT_EQ(before, weights_checksum(folder_ / "model"));
  EXPECT_EQ(refusal(), "nothing was thrown");
  replace_model(2);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("was replaced while this job runs"), HasSubstr(before),
                               HasSubstr(weights_checksum(folder_ / "model"))));
  replace_model(1);
  EXPECT_EQ(refusal(), "nothing was thrown");
  auto config = small_config();
  config.eos_ids = {5};
  replace_model(1, config);
  EXPECT_THAT(refusal(), HasSubstr("config.json"));
}

TEST_F(SameInputs, ALoadedModelIsLookedAtAgainWithoutLoadingIt) {
  const auto touched = [&] { return message_of<UserError>([&] { session_.loads().require_unchanged(); }); };
  load_alike(session_, configuration(), folder_ / "model");
  EXPECT_EQ(touched(), "nothing was thrown");
  replace_model(1);
  EXPECT_EQ(touched(), "nothing was thrown") << "the same content again";
  replace_model(2);
  EXPECT_THAT(touched(),
              AllOf(HasSubstr("was replaced while this job runs"), HasSubstr(weights_checksum(folder_ / "model"))));
  world_.barrier();
  if (world_.is_root()) fs::remove_all(folder_ / "model");
  world_.barrier();
  EXPECT_EQ(touched(), "nothing was thrown") << "it is in memory";
}

TEST_F(SameInputs, AFolderIsTheSameHoweverItIsSpelled) {
  world_.barrier();
  if (world_.is_root()) fs::create_directory_symlink(folder_ / "model", folder_ / "link");
  world_.barrier();
  load_alike(session_, configuration(), folder_ / "link");
  replace_model(2);
  for (const auto* spelled : {"model", "model/", "./model", "data/../model", "link"})
    EXPECT_THAT(message_of<UserError>([&] { load_alike(session_, configuration(), folder_ / spelled); }),
                HasSubstr("was replaced"))
        << spelled;
}

TEST_F(SameInputs, ChecksumsAreThoseOfWhatIsInMemory) {
  const auto baseline = prepare_baseline(session_, configuration(), out_);
  const auto checksum = baseline.record.provenance.model_checksum;
  EXPECT_EQ(checksum, weights_checksum(folder_ / "model"));
  replace_model(2);
  EXPECT_EQ(baseline.target.checksums.weights, checksum);
  EXPECT_NE(weights_checksum(folder_ / "model"), checksum);
}

TEST_F(SameInputs, ATargetOfAnotherConfigThanNamedIsRefused) {
  auto c = configuration();
  c.model.config_checksum = config_checksum(small_config());
  EXPECT_NO_THROW(prepare_model(session_, c, load_dataset(c.dataset), out_ / "target"));
  c.model.config_checksum = std::string(64, '0');
  EXPECT_THAT(message_of<UserError>([&] { prepare_model(session_, c, load_dataset(c.dataset), out_ / "target"); }),
              AllOf(HasSubstr("model.config_checksum"), HasSubstr(config_checksum(small_config()))));
}

}  // namespace
}  // namespace unpact
