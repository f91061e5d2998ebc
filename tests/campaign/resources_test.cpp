#include "unpact/campaign/resources.hpp"

#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::written_at;

class FinetuneExamples : public testing::Test {
 protected:
  FinetuneExamples() {
    dataset_.forget_questions = {{"Who?", "a", {}}, {"Where?", "b", {}}};
    dataset_.retain_questions = {{"What?", "c", {}}};
    dataset_.forget_texts = {"abcdefgh"};
    dataset_.retain_texts = {"ij"};
    dataset_.focus_questions = {{"Who built it?", "d", {"it"}}};
    c_.finetune.chunks.length = 6;
  }
  std::size_t count(const std::string& sets, const std::string& parts) {
    c_.finetune.sets = sets;
    c_.finetune.parts = parts;
    c_.probe.phrasings = "{question} ({keys})";
    return finetune_examples(c_, dataset_, ByteTokenizer(), {}, limit_).size();
  }
  Configuration c_;
  ContextLimit limit_;
  Dataset dataset_;
};

TEST_F(FinetuneExamples, AreOfTheChosenSetsAndParts) {
  EXPECT_EQ(count("forget", "questions"), 2U);
  EXPECT_EQ(count("forget, retain", "questions"), 3U);
  EXPECT_EQ(count("forget", "texts"), 2U) << "pieces of five tokens after BOS";
  EXPECT_EQ(count("retain", "texts, questions"), 2U);
  EXPECT_EQ(count("retain", "focus"), 3U) << "each plain and with two phrasings";
}

TEST_F(FinetuneExamples, NoneAreRefused) {
  dataset_.focus_questions.clear();
  EXPECT_THAT(message_of<UserError>([&] { count("forget", "focus"); }), HasSubstr("nothing to fine-tune on"));
}

TEST_F(FinetuneExamples, BeyondTheContextAreRefusedByFileAndNumber) {
  dataset_.forget_questions[1].where = "forget.json, entry 2";
  dataset_.forget_questions[1].question = std::string(200, 'w');
  limit_.positions = 100;
  const auto refusal = [&](const char* parts) { return message_of<UserError>([&] { count("forget", parts); }); };
  EXPECT_THAT(refusal("questions"),
              testing::AllOf(HasSubstr("forget.json, entry 2: an example of 2"), HasSubstr("holds 100")));
  limit_.rule = LongExamples::skip;
  EXPECT_EQ(count("forget", "questions"), 1U);
  limit_.positions = 5;
  limit_.rule = LongExamples::refuse;
  EXPECT_THAT(refusal("texts"), testing::AllOf(HasSubstr("forget texts, piece 1"), HasSubstr("finetune.chunk_length")));
  limit_.rule = LongExamples::cut;
  EXPECT_EQ(count("forget", "texts"), 2U);
}

TEST(TrainingDevice, OnTheCpuNothingCanBeOffloaded) {
  TrainExecution execution;
  EXPECT_NO_THROW(check_training_device(execution, at::kCPU));
  execution.offload_optimizer = true;
  EXPECT_THAT(message_of<UserError>([&] { check_training_device(execution, at::kCPU); }),
              HasSubstr("train.offload_optimizer"));
}

TEST(TrainingDevice, OneThatIsOnlyPlannedForNeedNotBeHere) {
  const c10::Device gpu(c10::kCUDA, 0);
  TrainExecution execution;
  execution.dtype = ComputeType::bf16;
  EXPECT_NO_THROW(check_training_device(execution, gpu, kCapabilityOfBf16));
  EXPECT_THAT(message_of<UserError>([&] { check_training_device(execution, gpu, 7); }), HasSubstr("compute capability 7.x"));
  EXPECT_EQ(effective_dtype(execution, gpu), ComputeType::bf16) << "what is said needs no device";
}

class Resources : public testing_support::SmallCampaign {
 protected:
  LanguageModel prepare(const Configuration& c) {
    return prepare_model(session_, c, load_dataset(c.dataset), out_ / "target");
  }
};

TEST_F(Resources, AGivenModelIsLoadedAsItIs) {
  const auto model = prepare(configuration());
  EXPECT_EQ(model.folder, folder_ / "model");
  EXPECT_EQ(
      testing_support::first_difference(model.transformer.weights(),
                                        testing_support::tiny_transformer(1, testing_support::small_config()).weights()),
      "");
  EXPECT_FALSE(std::filesystem::exists(out_ / "target"));
}

TEST_F(Resources, ATargetIsMadeOnceForEachConfiguration) {
  auto c = with_made_target();
  const auto weights = out_ / "target/model.safetensors";
  prepare(c);
  const auto first = written_at(weights);
  EXPECT_NE(first, 0);
  world_.barrier();
  c.unlearn.train.epochs = 9;  // is not about the target
  c.generation.max_new_tokens = 9;
  prepare(c);
  EXPECT_EQ(written_at(weights), first);
  world_.barrier();
  c.finetune.train.epochs = 2;
  prepare(c);
  EXPECT_NE(written_at(weights), first);
  EXPECT_FALSE(std::filesystem::exists(out_ / "target.training")) << "checkpoints go when the result is safe";
}

TEST_F(Resources, ATargetIsMadeAnewFromOtherWeightsUnderTheSamePath) {
  auto c = configuration();
  c.model.make_target = true;
  prepare(c);
  const auto first = written_at(out_ / "target/model.safetensors");
  world_.barrier();
  if (session_.is_root()) {
    std::filesystem::remove_all(folder_ / "model");
    save_checkpoint(folder_ / "model", testing_support::small_config(),
                    testing_support::tiny_transformer(2, testing_support::small_config()).weights(),
                    testing_support::trained_tokenizer());
  }
  world_.barrier();
  prepare(c);
  EXPECT_NE(written_at(out_ / "target/model.safetensors"), first);
}

TEST_F(Resources, WithoutAnythingToStartFromItSaysSo) {
  auto c = configuration();
  c.model.path.clear();
  EXPECT_THAT(message_of<UserError>([&] { prepare(c); }), HasSubstr("no model to start from"));
}

TEST_F(Resources, AModelToTrainIsMappedUnlessItIsHeldWhole) {
  auto c = configuration();
  TrainOptions mapped, whole;
  load_to_train(session_, c, mapped);
  EXPECT_TRUE(mapped.device.has_value());
  EXPECT_EQ(mapped.result.keeper, 0);
  c.train.shard = Shard::none;
  load_to_train(session_, c, whole);
  EXPECT_FALSE(whole.device.has_value());
  EXPECT_EQ(whole.result.keeper, -1);
}

}  // namespace
}  // namespace unpact
