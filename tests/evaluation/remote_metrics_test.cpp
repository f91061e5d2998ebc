// Metrics of a model that answers over HTTP: what log-probabilities of given tokens decide is the same, the rest is refused.
#include <algorithm>
#include <cmath>

#include "core/temporary_folder.hpp"
#include "measure_metrics_fixture.hpp"
#include "support/local_remote.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::MeasureMetrics;
using testing_support::message_of;

class RemoteMetrics : public MeasureMetrics {};

TEST_F(RemoteMetrics, AutoTakesWhatAnEndpointCanSayAndItIsTheSame) {
  const auto here = target_on(world_);
  model_ = testing_support::remote_copy(model_);
  options_.metric.of_endpoint = true;
  const auto there = target_on(world_);
  EXPECT_TRUE(has(here, "min_k_plus_plus_forget"));
  EXPECT_FALSE(has(there, "min_k_plus_plus_forget") || has(there, "min_k_plus_plus_auc"));
  for (const auto& found : there.metrics.rows)
    // log p in float32 comes from one formula here and from another there
    EXPECT_NEAR(found.target, row(here, found.name).target, 1e-5 * std::max(1.0, std::abs(found.target))) << found.name;
  EXPECT_TRUE(has(there, "extraction_strength_forget") && has(there, "min_k_auc") && has(there, "verbmem"));
}

TEST_F(RemoteMetrics, OthersAreRefusedByName) {
  options_.metric.of_endpoint = true;
  for (const std::string name : {"min_k_plus_plus", "gradient_norm"}) {
    options_.metric.use = name;
    EXPECT_THAT(message_of<UserError>([&] {
                  chosen_metrics(options_.metric, {dataset_, true});
                }),
                AllOf(HasSubstr("'" + name + "'"), HasSubstr("over HTTP")));
  }
}

}  // namespace
}  // namespace unpact
