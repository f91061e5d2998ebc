/// Probes that change the model that answers, beside their own definitions; weight_parity_test.cpp has them beside PyTorch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include <cmath>
#include <filesystem>

#include "../../src/evaluation/soft_prompt.hpp"
#include "evaluation/run_probes.hpp"
#include "support/parity.hpp"
#include "support/shared_folder.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/evaluation/depth.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/quantization.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::parity;
using testing_support::probe_named;
using testing_support::SharedFolder;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

class WeightProbes : public testing::Test {
 protected:
  ProbeRecord run(const std::string& name, const Communicator& group, const LanguageModel& model,
                  const PageOptions& pages = {}) const {
    ProbeTask task{group, model, questions_, probed_, keys_, 2};
    task.pages = pages;
    return run_probe(probe_named(name), options_, generation_, task);
  }
  std::vector<std::string> greedy(const LanguageModel& model) const {
    std::vector<std::string> answers;
    for (const auto q : probed_)
      answers.push_back(model.text_of(generate(model.transformer, {{questions_[q].prompt.ids, 0}}, generation_).front()));
    return answers;
  }

  Communicator alone_, world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(3);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 6);
  std::vector<std::size_t> probed_ = {0, 1, 2, 3, 4, 5, 7};
  std::vector<std::vector<std::string>> keys_{questions_.size()};
  ProbeOptions options_ = [] {
    ProbeOptions options;
    options.soft_prompt = {.tokens = 2, .steps = "1, 3", .learning_rate = 0.1, .batch_size = 3};
    return options;
  }();
  GenerationOptions generation_ = [] {
    GenerationOptions options;
    options.max_new_tokens = 4;
    return options;
  }();
};

TEST_F(WeightProbes, QuantizeAsksTheModelInFewBits) {
  const auto record = run("quantize", alone_, model_);
  ASSERT_THAT(record.attempt_labels, testing::ElementsAre("nf4", "int4", "int8_rows"));
  ASSERT_EQ(record.answer.size(), 3 * probed_.size());
  for (std::size_t a = 0; a < kQuantizations.size(); ++a) {
    auto changed = model_;  // matrix by matrix, by hand
    auto weights = clone_weights(model_.transformer.weights());
    for (auto& block : weights.blocks)
      for (auto* matrix : {&block.query_HdD, &block.key_GdD, &block.value_GdD, &block.output_DHd, &block.gate_FD,
                           &block.up_FD, &block.down_DF})
        *matrix = quantize(*matrix, kQuantizations[a]).values_OI;
    changed.transformer = Transformer(model_.transformer.config(), weights);
    const auto expected = greedy(changed);
    for (std::size_t p = 0; p < probed_.size(); ++p) EXPECT_EQ(record.answer[3 * p + a], expected[p]) << a << " " << p;
  }
  EXPECT_GT(record.tokens[0], static_cast<std::int32_t>(questions_[0].prompt.ids.size()) - 1);
}

TEST_F(WeightProbes, ModelsOfFewBitsAnswerAsTheProbesDo) {
  const auto record = run("quantize", alone_, model_);
  for (const auto& [bits, a] :
       {std::pair(AnsweringBits::nf4, 0U), {AnsweringBits::int4, 1U}, {AnsweringBits::int8_rows, 2U}}) {
    auto rounded = model_;
    rounded.transformer = rounded_to(alone_, rounded.transformer, bits);
    const auto answers = greedy(rounded);
    for (std::size_t p = 0; p < probed_.size(); ++p) EXPECT_EQ(record.answer[3 * p + a], answers[p]);
  }
  EXPECT_EQ(greedy({rounded_to(alone_, model_.transformer, AnsweringBits::all), model_.tokenizer, {}, {}}), greedy(model_));
}

TEST_F(WeightProbes, QuantizeDoesNotChangeTheProbedModel) {
  const auto before = clone_weights(model_.transformer.weights());
  run("quantize", alone_, model_);
  const auto kept = named_tensors(before), now = named_tensors(model_.transformer.weights());
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_TRUE(at::equal(kept[i].second, now[i].second)) << kept[i].first;
}

TEST_F(WeightProbes, QuantizeIsTheSameOnShards) {
  WeightPieces pieces(model_.transformer.config(), world_, at::kFloat, at::kCPU);
  pieces.take_all(model_.transformer.weights());
  auto sharded = model_;
  sharded.transformer = sharded_transformer(world_, std::move(pieces));
  EXPECT_EQ(run("quantize", world_, sharded).answer, run("quantize", alone_, model_).answer);
  const auto other = tiny_language_model(4);
  const auto whole = equal_codes(alone_, other.transformer, model_.transformer);
  const auto cut = equal_codes(world_, sharded.transformer, other.transformer);
  for (std::size_t k = 0; k < whole.size(); ++k) {
    EXPECT_EQ(whole[k].equal, cut[k].equal);
    EXPECT_EQ(whole[k].all, cut[k].all);
    EXPECT_LT(whole[k].equal, whole[k].all);
    EXPECT_GT(whole[k].equal, 0U) << "some codes are equal by chance";
  }
  for (const auto& same : equal_codes(world_, sharded.transformer, model_.transformer)) EXPECT_EQ(same.equal, same.all);
}

TEST_F(WeightProbes, FinishedModelsAreNotMadeAgain) {
  const SharedFolder folder(world_);
  FinishedPages pages(world_, folder.path() / "pages", "same");
  const auto first = run("soft_prompt", world_, model_, {&pages, "probe_soft_prompt", 2});
  const auto other = tiny_language_model(9);  // its answers would be others
  const auto again = run("soft_prompt", world_, other, {&pages, "probe_soft_prompt", 2});
  EXPECT_EQ(again.answer, first.answer);
  EXPECT_EQ(again.losses, first.losses);
  EXPECT_EQ(again.tokens, first.tokens);
}

TEST_F(WeightProbes, SoftPromptTriesQuestionsThatItHasNotSeen) {
  const auto record = run("soft_prompt", alone_, model_);
  EXPECT_EQ(record.steps, (std::vector<std::int64_t>{1, 3}));
  ASSERT_EQ(record.asked.size(), probed_.size());
  const auto asked = std::ranges::count(std::span(record.asked).first(6), static_cast<std::uint8_t>(Asked::yes));
  EXPECT_EQ(asked, 3) << "half of six forget questions";
  EXPECT_EQ(record.asked.back(), static_cast<std::uint8_t>(Asked::yes)) << "a retain question";
  EXPECT_LT(record.losses[1], record.losses[0]) << "the vectors learn";
}

/// Makes the smallest and the largest batch on any number of ranks.
TEST_F(WeightProbes, SoftPromptDoesNotDependOnRanks) {
  std::vector<const AskedQuestion*> taught;
  for (std::size_t q = 0; q < 6; ++q) taught.push_back(&questions_[q]);
  const std::vector<TokenId> start = {70, 80};
  const auto& model = model_.transformer;
  const auto train = [&](const Communicator& group, const TrainedVectors& from, std::int64_t steps) {
    return train_soft_prompt(group, model, taught, options_.soft_prompt, from, steps, 5);
  };
  const auto untrained = untrained_vectors(model, start);
  const auto one = train(alone_, untrained, 3), many = train(world_, untrained, 3);
  EXPECT_EQ(one.values, many.values);
  EXPECT_EQ(one.loss, many.loss);
  std::vector<std::int64_t> looked;  // where a stop would be heeded
  const auto two = train_soft_prompt(world_, model, taught, options_.soft_prompt, untrained, 2, 5,
                                     [&](std::int64_t done) { looked.push_back(done); });
  EXPECT_THAT(looked, testing::ElementsAre(0, 1));
  const auto gone_on = train(alone_, two, 3);
  EXPECT_NE(two.values, one.values);
  EXPECT_EQ(gone_on.values, one.values) << "moments and batches go on where they were left";
  EXPECT_EQ(gone_on.loss, one.loss);
  EXPECT_EQ(two.tokens + gone_on.tokens, one.tokens);
}

TEST_F(WeightProbes, SoftPromptHeedsAStopAndGoesOnFromTheVectorsThatAreThere) {
  const auto straight = run("soft_prompt", alone_, model_);
  const SharedFolder folder(world_);
  FinishedPages pages(world_, folder.path() / "pages", "same");
  const PageOptions kept{&pages, "probe_soft_prompt", 2};
  request_stop();
  EXPECT_THAT(message_of<StoppedAtCheckpoint>([&] { run("soft_prompt", world_, model_, kept); }), HasSubstr("soft_prompt"));
  reset_stop();
  EXPECT_EQ(run("soft_prompt", world_, model_, kept).answer, straight.answer);
  for (const auto* stage : {"unlearned_soft_prompt_vectors_3", "probe_soft_prompt_step3"})
    if (world_.is_root()) std::filesystem::remove(pages.file(stage, 0));
  world_.barrier();
  FinishedPages half(world_, folder.path() / "pages", "same");  // as of a job that is killed between steps 1 and 3
  const auto again = run("soft_prompt", world_, model_, {&half, "probe_soft_prompt", 2});
  EXPECT_EQ(again.losses, straight.losses);
  EXPECT_EQ(again.answer, straight.answer);
}

TEST(Depth, IsNotMeasuredOfModelsThatDiffer) {
  const auto one = tiny_language_model(1);
  auto config = one.transformer.config();
  config.layers = 1;
  EXPECT_TRUE(can_measure_depth(one.transformer, tiny_language_model(2).transformer));
  EXPECT_FALSE(can_measure_depth(one.transformer, Transformer(config, random_weights(config, 1))));
  auto two = one.transformer;
  two.contrast_with(std::make_shared<const Transformer>(one.transformer), 1);
  EXPECT_FALSE(can_measure_depth(one.transformer, two));
}

TEST(Steps, AreReadInAscendingOrder) {
  EXPECT_EQ(read_steps("5, 10,25", "relearn.steps"), (std::vector<std::int64_t>{5, 10, 25}));
  for (const std::string text : {"", "5, 5", "10, 5", "0", "-1", "1.5", "ten", "99999999999999999999"})
    EXPECT_THAT(message_of<UserError>([&] { read_steps(text, "relearn.steps"); }), HasSubstr("'relearn.steps'")) << text;
}

TEST(ChangedModels, NeedAJudgeThatReadsAnswers) {
  ProbeOptions probe;
  probe.use = "probab, quantize";
  JudgeOptions judge;
  EXPECT_NO_THROW(check_changed_models(probe, judge));
  judge.kind = "rouge_l_recall, relative_likelihood";
  EXPECT_THAT(message_of<UserError>([&] { check_changed_models(probe, judge); }),
              testing::AllOf(HasSubstr("quantize"), HasSubstr("relative_likelihood")));
  probe.use = "probab";
  EXPECT_NO_THROW(check_changed_models(probe, judge));
}

TEST(RelearnOptions, NameAFileWhereOneIsRead) {
  ProbeOptions probe;
  probe.relearn.data = RelearnData::file;
  EXPECT_THAT(message_of<UserError>([&] { check_relearn_options(probe); }), HasSubstr("--relearn.file"));
  probe.relearn.file = "facts.jsonl";
  EXPECT_NO_THROW(check_relearn_options(probe));
  probe.relearn.data = RelearnData::retain;
  EXPECT_THAT(message_of<UserError>([&] { check_relearn_options(probe); }), HasSubstr("contradict"));
}

}  // namespace
}  // namespace unpact
