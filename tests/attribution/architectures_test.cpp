// The shared-prefix engine equals the definition on every architecture, windows shorter than the prompt included.
#include <gtest/gtest.h>

#include "attribution/made_methods.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"
#include "unpact/attribution/leave_one_out.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::kRounding;
using testing_support::random_ids;

void expect_engines_agree(const Transformer& model, const AttributionTask& task, const std::string& what) {
  const auto expected = ReferenceEngine().run(model, task);
  for (const std::size_t budget : {1, 64, 4096}) {
    const auto actual = SharedPrefixEngine(budget).run(model, task);
    expect_close(at::tensor(actual.log_probabilities), at::tensor(expected.log_probabilities), kRounding,
                 concat(what, ", budget ", budget));
  }
}

class EngineOnArchitecture : public testing::TestWithParam<std::string> {};

TEST_P(EngineOnArchitecture, SharedPrefixIsTheDefinition) {
  const auto model = testing_support::tiny_transformer_of(GetParam());
  const auto prompt = random_ids(30, 4);
  expect_engines_agree(model, {prompt, 0, 30, random_ids(5, 9)}, "whole prompt");
  expect_engines_agree(model, {prompt, 12, 25, random_ids(1, 8)}, "middle");
  expect_engines_agree(model, {random_ids(3, 4), 1, 3, random_ids(20, 8)}, "short prompt, long answer");
}

INSTANTIATE_TEST_SUITE_P(Models, EngineOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace unpact
