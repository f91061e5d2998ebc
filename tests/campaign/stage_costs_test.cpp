// What is planned on paper against what the stages of a run count.
#include "../../src/campaign/judging_costs.hpp"  // private to the layer
#include "../../src/campaign/stage_costs.hpp"

#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

const PlannedStage& stage_of(const PlannedStages& stages, const std::string& name) {
  const auto found = std::ranges::find(stages, name, &PlannedStage::stage);
  UNPACT_EXPECT(found != stages.end());
  return *found;
}

class StageCosts : public testing_support::SmallCampaign {
 protected:
  Configuration with_method(const std::string& forget, RetainKind retain = RetainKind::none) const {
    auto c = configuration();
    c.method.forget = forget;
    c.method.retain = retain;
    c.method.name = concat(forget, "_", name_of_value(retain));
    c.unlearn.train.epochs = 3;
    if (forget == "rmu") {
      c.method.layer = 2;
      c.method.trained_layers = "1,2";
    }
    return c;
  }

  /// Runs the cell and holds every stage against its plan: trainings exactly, what answers decide within 2 %.
  void expect_planned(const Configuration& c) {
    SCOPED_TRACE(c.method.name);
    const auto baseline = prepare_baseline(session_, c, out_);
    const auto record = run_cell(session_, world_, baseline, c, out_);
    const auto planned = planned_stages(session_, baseline, {c, {c}});
    ASSERT_EQ(planned.size(), 2U);
    EXPECT_EQ(planned[1].first, record.id);
    for (const auto& [id, work] :
         {std::pair(baseline.record.id, &baseline.record.work), std::pair(record.id, &record.work)}) {
      const auto& stages = id == record.id ? planned[1].second : planned[0].second;
      for (const auto& measured : *work) {
        if (id == baseline.record.id && measured.stage.rfind("probe_", 0) == 0) continue;  // nothing is forgotten yet
        const auto& stage = stage_of(stages, measured.stage);
        const double share = stage.trains ? 1e-12 : 0.02;
        EXPECT_GE(measured.operations, (1 - share) * stage.low) << measured.stage;
        EXPECT_LE(measured.operations, (1 + share) * stage.high) << measured.stage;
        EXPECT_LE(stage.low, stage.operations);
        EXPECT_LE(stage.operations, stage.high);
        EXPECT_GT(stage.bytes, 0) << measured.stage;
      }
    }
  }
};

TEST_F(StageCosts, EveryForgetTermWithEveryRetainTerm) {
  if (world_.size() > 1) GTEST_SKIP() << "two questions on several ranks run along for nothing";
  for (const auto* forget : {"ga", "npo", "simnpo", "undial", "ceu"})
    for (const auto retain : {RetainKind::none, RetainKind::gd, RetainKind::kl}) expect_planned(with_method(forget, retain));
  auto limited = with_method("pdu", RetainKind::gd);
  limited.method.retain_limit = 5;
  expect_planned(limited);
}

TEST_F(StageCosts, Procedures) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  for (const auto* forget : {"rmu", "tv", "whp"}) expect_planned(with_method(forget));
}

TEST_F(StageCosts, TextsCachesRecomputationAndStepsThatEndEarly) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  auto c = with_method("npo", RetainKind::kl);
  c.unlearn.form = ExampleForm::texts;
  c.unlearn.chunks.length = 12;
  expect_planned(c);
  c = with_method("npo", RetainKind::kl);
  c.method.name = "no_cache";
  c.method.cache = FrozenCache::none;
  expect_planned(c);
  c.method.name = "recomputed";
  c.train.recompute = true;
  expect_planned(c);
  c.method.name = "stopped";
  c.unlearn.train.max_steps = 2;
  expect_planned(c);
}

TEST_F(StageCosts, TheExamplesThatFewStepsReallyDraw) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  auto c = with_method("npo", RetainKind::gd);
  c.unlearn.form = ExampleForm::texts;
  c.unlearn.chunks.length = 7;
  c.unlearn.train.max_steps = 1;
  c.unlearn.train.batch_size = 1;
  for (const auto sampling : {Sampling::epoch, Sampling::uniform, Sampling::paired})
    for (const std::uint64_t seed : {1, 2}) {
      c.unlearn.retain_sampling = sampling;
      c.run.seed = seed;
      c.method.name = concat(name_of_value(sampling), seed);
      expect_planned(c);
    }
}

TEST_F(StageCosts, WhatMetricsAsk) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  if (world_.is_root()) {
    using testing_support::write_text;
    write_text(folder_ / "data/verbmem/forget.json", R"([{"prompt": "The report on the", "gt": "harbour is of 2005."}])");
    for (const auto* name : {"forget", "holdout"})
      write_text(folder_ / concat("data/privleak/", name, ".json"),
                 R"(["The report on the harbour is of 2005.", "The river runs through the town.", "a", "b", "the town"])");
  }
  auto c = with_method("ga");
  c.metric.passage_tokens = 9;
  c.metric.text_tokens = 12;
  expect_planned(c);
  auto two = with_method("whp");  // answers by two models
  two.metric = c.metric;
  expect_planned(two);
  c.metric.use = "auto, gradient_norm, answer_perplexity";
  c.method.name = "more";
  expect_planned(c);
}

TEST_F(StageCosts, AModelThatAJudgeAsks) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  auto c = with_method("ga");
  if (world_.is_root())
    testing_support::write_text(folder_ / "details.jsonl",
                                R"({"question": "Where is the town?", "paraphrased_answer": "there", )"
                                R"("perturbed_answer": ["here", "nowhere"]})");
  c.dataset.details = folder_ / "details.jsonl";
  c.judge.kind = "local_model, rouge_l_recall";
  c.judge.model = c.model.path;
  pin_judge_model(world_, c);
  EXPECT_FALSE(c.judge.model_checksum.empty());
  expect_planned(c);
  const auto baseline = prepare_baseline(session_, c, out_);
  const auto with = planned_stages(session_, baseline, {c, {c}});
  c.judge.model.clear();  // the model itself: nothing lies beside it
  const auto alone = planned_stages(session_, baseline, {c, {c}});
  EXPECT_GT(stage_of(with[1].second, "unlearned_answers").bytes, 1.9 * stage_of(alone[1].second, "unlearned_answers").bytes);
  EXPECT_EQ(stage_of(with[1].second, "unlearn").bytes, stage_of(alone[1].second, "unlearn").bytes);
}

TEST_F(StageCosts, LayersThatAProbeLooksInto) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  const auto model = load_language_model(folder_ / "model", {}, at::kCPU);
  Dataset dataset;
  for (const auto* question : {"Who wrote the report?", "Where?", "When was the harbour beside the river built?"})
    dataset.forget_questions.push_back({question, "beside the river, of 2005", {}});
  dataset.retain_questions.push_back({"Where is the town?", "the river", {}});
  const auto questions = ask_questions(dataset, *model.tokenizer, {}, 0, 0);
  const EvaluationOptions options;
  const PromptTemplate plain;
  const AskedModel asked{model.transformer.config(), *model.tokenizer, plain, questions, options};
  std::vector<const AskedQuestion*> all;
  std::vector<std::size_t> probed;
  for (const auto& question : questions) {
    probed.push_back(all.size());
    all.push_back(&question);
  }
  const auto row = std::ranges::find(probe_table(), "logit_lens", &ProbeRow::name);
  const std::vector<std::vector<std::string>> no_keys(questions.size());
  const StageMeter meter(world_, at::kCPU);
  run_probe(*row, options.probe, {}, {world_, model, questions, probed, no_keys, options.probe.budget()});
  EXPECT_DOUBLE_EQ(meter.record("lens").operations, layers_cost(asked, all).operations);
}

TEST_F(StageCosts, AnswersThatArePreferred) {
  if (world_.size() > 1) GTEST_SKIP() << "as above";
  auto c = with_method("dpo");
  if (world_.is_root()) write_file_atomically(out_ / "alternates.txt", "no\nnobody can tell what that might have been\n");
  c.method.alternates = out_ / "alternates.txt";
  pin_method_file(world_, c);
  for (const std::uint64_t seed : {1, 2}) {
    c.run.seed = seed;
    expect_planned(c);
  }
}

TEST_F(StageCosts, AFineTuningByHand) {
  Example example{testing_support::random_ids(7, 1), {0, 0, 0, 0, 1, 1, 1}};
  const auto config = testing_support::tiny_config();
  TrainOptions options;
  options.epochs = 4;
  options.batch_size = 3;
  const auto cost = finetuning_cost(config, options, {example, example}, "make_target");
  const auto once =
      3 * (3 * (2 * 7 * block_matrix_size(config)) + attention_operations(config, 3 * 28.0) + 2 * 3 * head_size(config));
  EXPECT_DOUBLE_EQ(cost.operations, 4 * 2 * once);
  EXPECT_EQ(cost.low, cost.high);
  options.max_steps = 1;
  EXPECT_DOUBLE_EQ(finetuning_cost(config, options, {example, example}, "").operations, 3 * once);
}

}  // namespace
}  // namespace unpact
