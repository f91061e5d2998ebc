// Metrics that ask another model, or for gradients: those that `auto` leaves out.
#include "measure_metrics_fixture.hpp"

namespace unpact {
namespace {

using testing_support::expect_same_metrics;
using testing_support::MeasureMetrics;

class CostlyMetrics : public MeasureMetrics {};

TEST_F(CostlyMetrics, TheTargetTellsHowOddAnAnswerIs) {
  options_.metric.use = "answer_perplexity";
  auto record = target_on(world_);
  EXPECT_TRUE(record.metrics.rows.empty()) << "no answer has tokens yet";
  Ragged<std::int32_t> ids;
  for (std::size_t q = 0; q < questions_.size(); ++q)
    ids.add(q % 3 == 0 ? std::vector<std::int32_t>{} : std::vector{40, 41});
  record.target.own.answer_ids = record.unlearned.own.answer_ids = ids;
  measure_target(world_, model_, task(), nullptr, record);
  measure_unlearned(world_, other_, task(), nullptr, nullptr, record, &model_);
  const auto& found = row(record, "answer_perplexity_forget");
  EXPECT_EQ(found.count, 4U) << "of seven, three wrote nothing";
  EXPECT_EQ(found.unlearned, found.target) << "the target reads both";
  const auto scores = score_answers(model_.transformer, {{questions_[1].prompt.ids, {40, 41}}}).front();
  EXPECT_NEAR(record.metrics.unlearned_items.row(0).front(), std::exp(-mean_log_probability(scores)), 1e-3);
  EXPECT_TRUE(names_metric_that(options_.metric, MetricNeeds::target_model));
}

TEST_F(CostlyMetrics, GradientNormsAreThoseOfTheLossByEveryWeight) {
  options_.metric.use = "gradient_norm_auc";
  const auto record = target_on(world_);
  EXPECT_EQ(row(record, "gradient_norm_forget").count, 7U);
  EXPECT_EQ(row(record, "gradient_norm_auc").count, 14U);
  EXPECT_GT(row(record, "gradient_norm_forget").target, 0);
  expect_same_metrics(record.metrics, target_on(alone_).metrics);
  for (const auto& [name, weight] : named_tensors(model_.transformer.weights()))
    EXPECT_FALSE(weight.requires_grad()) << name;
}

TEST_F(CostlyMetrics, AutoMayBeNamedWithOthers) {
  options_.metric.use = "auto, gradient_norm";
  const auto cell = cell_on(world_);
  EXPECT_TRUE(has(cell, "verbmem") && has(cell, "gradient_norm_holdout"));
  EXPECT_FALSE(has(cell, "paired_drop"));
  EXPECT_TRUE(names_metric_that(options_.metric, MetricNeeds::gradients));
  EXPECT_FALSE(names_metric_that(options_.metric, MetricNeeds::target_model));
}

}  // namespace
}  // namespace unpact
