// What is planned for a request is what its engine counts.
#include <gtest/gtest.h>

#include "support/tiny_architectures.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/core/operation_tally.hpp"

namespace unpact {
namespace {

using testing_support::random_ids;

struct Measured {
  AttributionWork work;
  double operations = 0;
};

Measured run(BoundEngine& bound, const AttributionRequest& request) {
  const auto before = operations_so_far();
  Measured measured;
  for (const auto& result : bound.run(request)) measured.work += result.work;
  measured.operations = operations_so_far() - before;
  return measured;
}

void expect_cost(const RemovalCost& planned, const Measured& measured, const char* what) {
  EXPECT_EQ(planned.work.positions, measured.work.positions) << what;
  EXPECT_EQ(planned.work.positions_naive, measured.work.positions_naive) << what;
  EXPECT_EQ(planned.work.logit_rows, measured.work.logit_rows) << what;
  EXPECT_NEAR(planned.operations, measured.operations, 1e-6 * measured.operations) << what;
}

class RemovalCostOnArchitecture : public testing::TestWithParam<std::string> {
 protected:
  Transformer model_ = testing_support::tiny_transformer_of(GetParam());
};

TEST_P(RemovalCostOnArchitecture, PlannedIsCounted) {
  const auto& config = model_.config();
  const auto bound = SharedPrefixEngine(4096).open(model_), reference = ReferenceEngine().open(model_);
  AttributionRequest request;
  request.prompt = random_ids(31, 3);
  request.answers = {random_ids(4, 1), random_ids(1, 2), random_ids(6, 5)};
  request.removals = single_tokens(20, 30);
  expect_cost(cost_of_removals(config, request, false), run(*bound, request), "a context that is new");
  request.prompt.back() = (request.prompt.back() + 1) % 61;  // equal requests keep their table of projections
  expect_cost(cost_of_removals(config, request, true), run(*bound, request), "the same context again");
  expect_cost(cost_by_definition(config, request), run(*reference, request), "the definition");
  request.removals = {{0, 3}, {3, 4}, {6, 11}};
  expect_cost(cost_of_removals(config, request, true), run(*bound, request), "no context, spans");
  request.prompt = {5, 5, 5, 8, 9};
  request.removals = single_tokens(0, 5);
  expect_cost(cost_of_removals(config, request, true), run(*bound, request), "equal neighbours run once");
}

TEST_P(RemovalCostOnArchitecture, HowItIsCutDoesNotMatter) {
  AttributionRequest request;
  request.prompt = random_ids(40, 3);
  request.answers = {random_ids(4, 1)};
  request.removals = single_tokens(2, 38);
  const auto planned = cost_of_removals(model_.config(), request, false);
  const auto cut = run(*SharedPrefixEngine(64).open(model_), request);
  EXPECT_EQ(planned.work.positions, cut.work.positions);
  EXPECT_NEAR(planned.operations, cut.operations, 1e-6 * cut.operations);
}

INSTANTIATE_TEST_SUITE_P(Architectures, RemovalCostOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
