// Removals sent to a model that answers elsewhere: contributions are those of the definition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attribution/made_methods.hpp"
#include "core/temporary_folder.hpp"
#include "support/local_remote.hpp"
#include "support/parity.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::kRounding;
using testing_support::LocalRemote;
using testing_support::message_of;
using testing_support::random_ids;

class RemoteEngine : public testing::Test {
 protected:
  RemoteEngine()
      : here_(testing_support::tiny_language_model(5).transformer), there_(testing_support::remote_copy(here_, &remote_)) {
    for (TokenId id = 10; id < 50; ++id) request_.prompt.push_back(id);  // no neighbours are equal
    request_.removals = single_tokens(4, 36);
    request_.answers = {random_ids(3, 2), random_ids(5, 3)};
    task_ = {request_.prompt, 4, 36, request_.answers[0]};
  }
  void expect_definition(const std::vector<RemovalScores>& actual) {
    const auto expected = ReferenceEngine().open(here_)->run(request_);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t a = 0; a < actual.size(); ++a)
      expect_close(at::tensor(actual[a].log_probabilities), at::tensor(expected[a].log_probabilities), kRounding,
                   concat("answer ", a));
  }
  Transformer here_;
  std::shared_ptr<LocalRemote> remote_;
  Transformer there_;
  AttributionRequest request_;
  AttributionTask task_;
};

TEST_F(RemoteEngine, EveryEngineSendsTheSequencesOfTheDefinition) {
  for (const auto kind : {EngineKind::shared_prefix, EngineKind::reference}) {
    const auto bound = make_engine(kind, 0)->open(there_);
    const auto results = bound->run(request_);
    expect_definition(results);
    EXPECT_EQ(remote_->batches.size(), 1U) << "one call for all rows and answers";
    remote_->batches.clear();
    EXPECT_EQ(results[0].work.model_calls + results[1].work.model_calls, 2U * 33);
    EXPECT_EQ(results[0].work.positions, results[0].work.positions_naive);
    EXPECT_TRUE(make_engine(kind, 0)->is_reference_for(there_));
  }
}

TEST_F(RemoteEngine, PartsCoverTheRowsAndMayRunWithThoseOfOtherRequests) {
  const auto bound = ReferenceEngine().open(there_);
  const auto parts = bound->finer_parts(request_, 2);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].last_row, parts[1].first_row);
  EXPECT_EQ(parts[1].last_row, 33U);
  auto other = request_;
  other.prompt[0] = 60;
  const auto found = bound->run_parts({{&request_, parts[0]}, {&other, parts[0]}, {&request_, parts[1]}});
  EXPECT_EQ(remote_->batches.size(), 1U);
  ASSERT_EQ(found.size(), 3U);
  auto whole = found[0];
  for (std::size_t a = 0; a < whole.size(); ++a)
    whole[a].log_probabilities.insert(whole[a].log_probabilities.end(), found[2][a].log_probabilities.begin(),
                                      found[2][a].log_probabilities.end());
  expect_definition(whole);
  EXPECT_NE(found[1][0].log_probabilities, found[0][0].log_probabilities);
}

TEST_F(RemoteEngine, EqualNeighboursAreAskedOnce) {
  request_.prompt[10] = request_.prompt[11] = request_.prompt[12];
  request_.answers.resize(1);
  const auto bound = ReferenceEngine().open(there_);
  expect_definition(bound->run(request_));
  EXPECT_EQ(remote_->batches.front(), 31U);  // 33 rows, of which three are one
}

TEST_F(RemoteEngine, MethodsThatAskForIdsAloneGiveTheirOwnNumbers) {
  for (const std::string name : {"leave_one_out", "hierarchical", "shapley", "lime", "baseline"}) {
    AttributionSettings own;
    if (name == "shapley") own.permutations = 4;
    if (name == "lime") own.samples = 24;
    if (name == "baseline") own.baseline = "7";
    const auto method = testing_support::make(name, own);
    const auto expected = method->run(here_, task_, 3), actual = method->run(there_, task_, 3);
    // A regression of few masks enlarges rounding.
    expect_close(at::tensor(actual.values), at::tensor(expected.values), name == "lime" ? 50 * kRounding : kRounding, name);
    EXPECT_NEAR(actual.mean_log_probability, expected.mean_log_probability, kRounding) << name;
  }
}

TEST_F(RemoteEngine, MethodsThatLookInsideAreRefusedByName) {
  for (const std::string name : {"in_place_mask", "gradient_x_input", "integrated_gradients", "rollout"})
    EXPECT_THAT(message_of<UserError>([&] { testing_support::make(name)->run(there_, task_, 0); }),
                AllOf(HasSubstr("attribution.method = " + name), HasSubstr("weights")));
  EXPECT_TRUE(remote_->batches.empty());
}

TEST_F(RemoteEngine, TheNoiseFloorIsThatOfBatchesOfDifferentSize) {
  const auto method = testing_support::make("leave_one_out");
  EXPECT_EQ(measure_noise_floor(*method, there_, task_), 0);
  remote_->noise = 0.003;  // of each sequence of a call, in one of three answer tokens
  remote_->batches.clear();
  const auto floor = measure_noise_floor(*method, there_, task_);
  const auto [fewest, most] = std::minmax_element(remote_->batches.begin(), remote_->batches.end());
  EXPECT_EQ(*fewest, 1U);
  EXPECT_NEAR(floor, 0.003 * static_cast<double>(*most - *fewest) / 3, 1e-6);
}

}  // namespace
}  // namespace unpact
