#include "unpact/attribution/leave_one_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_models.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::FloatNear;
using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::Expected;
using testing_support::message_of;
using testing_support::parity;
using testing_support::random_ids;
using testing_support::tiny_transformer;

// Nats. Both sides are float32 sums in another order; a KeyToken needs 0.24.
constexpr double kTolerance = 1e-5;

class LeaveOneOutParity : public testing::TestWithParam<EngineKind> {};

TEST_P(LeaveOneOutParity, IsWhatTransformersGives) {
  UNPACT_NEED_PARITY("loo.safetensors");
  const Expected fixture("loo.safetensors");
  const auto listing = read_json_file(parity("loo.json"));
  const auto model = testing_support::load_transformer(parity(listing["model"].get<std::string>()));
  const auto engine = make_engine(GetParam(), 4096);
  for (const auto& entry : listing["cases"]) {
    const auto name = "loo." + entry.get<std::string>() + ".";
    const auto range = fixture.integers(name + "candidates");
    const AttributionTask task{fixture.integers(name + "ids"), static_cast<std::size_t>(range[0]),
                               static_cast<std::size_t>(range[1]), fixture.integers(name + "answer")};
    const auto result = engine->run(model, task);
    const auto expected = fixture[name + "logprob"];
    ASSERT_EQ(result.candidates, task.candidates());
    expect_close(at::tensor(result.log_probabilities).view(expected.sizes()), expected, kTolerance, name + "logprob");
    expect_close(at::tensor(result.contributions()), fixture[name + "contribution"], kTolerance, name + "contribution");
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, LeaveOneOutParity, testing::Values(EngineKind::reference, EngineKind::shared_prefix),
                         [](const auto& test) { return name_of_value(test.param); });

void expect_same(const RemovalScores& actual, const RemovalScores& expected, const std::string& what) {
  EXPECT_EQ(actual.candidates, expected.candidates) << what;
  EXPECT_EQ(actual.answer_tokens, expected.answer_tokens) << what;
  expect_close(at::tensor(actual.log_probabilities), at::tensor(expected.log_probabilities), kTolerance, what);
}

struct Shape {
  std::size_t before, candidates, behind, answer;
};

class SharedPrefix : public testing::TestWithParam<Shape> {};

TEST_P(SharedPrefix, IsTheReferenceForEveryBudget) {
  const auto [before, candidates, behind, answer] = GetParam();
  for (const std::uint64_t seed : {1, 2}) {
    const auto model = tiny_transformer(seed);
    const AttributionTask task{random_ids(before + candidates + behind, seed), before, before + candidates,
                               random_ids(answer, seed + 10)};
    const auto expected = ReferenceEngine().run(model, task);
    for (const std::size_t budget : {1, 7, 64, 4096})
      expect_same(SharedPrefixEngine(budget).run(model, task), expected, concat("seed ", seed, ", budget ", budget));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SharedPrefix,
                         testing::Values(Shape{1, 1, 0, 1}, Shape{1, 1, 0, 5}, Shape{1, 2, 0, 1}, Shape{0, 2, 0, 1},
                                         Shape{0, 2, 0, 4}, Shape{0, 1, 1, 3}, Shape{1, 40, 0, 1}, Shape{1, 40, 0, 6},
                                         Shape{0, 25, 0, 3}, Shape{9, 1, 0, 2}, Shape{9, 1, 20, 2}, Shape{12, 30, 8, 5},
                                         Shape{20, 3, 0, 20}, Shape{1, 60, 14, 20}),
                         [](const auto& test) {
                           const auto& s = test.param;
                           return concat("b", s.before, "_n", s.candidates, "_a", s.behind, "_t", s.answer);
                         });

TEST(SharedPrefix, RemovingOneOfEqualNeighboursIsTheSameForEachOfThem) {
  const auto model = tiny_transformer(3);
  const AttributionTask task{{1, 9, 9, 9, 4, 4, 9, 7}, 1, 8, {9, 4, 4}};
  const auto result = SharedPrefixEngine().run(model, task);
  expect_same(result, ReferenceEngine().run(model, task), "repeated tokens");
  const auto c = result.contributions();
  EXPECT_NEAR(c[0], c[1], kTolerance);
  EXPECT_NEAR(c[1], c[2], kTolerance);
  EXPECT_NEAR(c[3], c[4], kTolerance);
  EXPECT_GT(std::abs(c[2] - c[5]), 1e-3);  // the same id elsewhere counts for itself
}

TEST(SharedPrefix, AllTokensEqual) {
  const auto model = tiny_transformer(4);
  const AttributionTask task{std::vector<TokenId>(12, 5), 0, 12, {5, 5}};
  expect_same(SharedPrefixEngine(30).run(model, task), ReferenceEngine().run(model, task), "equal tokens");
}

TEST(SharedPrefix, FillsTheContext) {
  const auto model = tiny_transformer(5);
  const AttributionTask task{random_ids(90, 1), 80, 90, random_ids(6, 2)};
  expect_same(SharedPrefixEngine().run(model, task), ReferenceEngine().run(model, task), "96 tokens");
}

TEST(LeaveOneOut, RemovingMovesLaterPositionsUp) {
  const auto model = tiny_transformer(6);
  const AttributionTask task{random_ids(10, 1), 2, 9, random_ids(3, 2)};
  const auto result = ReferenceEngine().run(model, task);
  for (std::size_t i = 0; i < task.candidates(); ++i) {
    AttributionTask shorter = task;
    shorter.prompt.erase(shorter.prompt.begin() + static_cast<std::ptrdiff_t>(2 + i));
    shorter.candidate_end = 3;
    EXPECT_NEAR(result.contributions()[i],
                result.mean_log_probability() - ReferenceEngine().run(model, shorter).mean_log_probability(), 1e-5);
  }
}

TEST(RemovalScores, ContributionsFollowFromTheMatrix) {
  RemovalScores result;
  result.candidates = 2;
  result.answer_tokens = 2;
  result.log_probabilities = {-1.0F, -2.0F, -3.0F, -3.0F, -0.5F, -1.5F};
  EXPECT_DOUBLE_EQ(result.mean_log_probability(), -1.5);
  EXPECT_THAT(result.contributions(), ElementsAre(FloatNear(1.5F, 1e-6F), FloatNear(-0.5F, 1e-6F)));
}

TEST(AttributionWork, ReferenceRunsTheNaiveNumberOfPositions) {
  const AttributionTask task{random_ids(20, 1), 5, 17, random_ids(4, 2)};
  const auto work = ReferenceEngine().run(tiny_transformer(1), task).work;
  EXPECT_EQ(naive_positions(task), 23U + 12 * 22);
  EXPECT_EQ(work.positions, naive_positions(task));
  EXPECT_EQ(work.positions_naive, naive_positions(task));
  EXPECT_EQ(work.model_calls, 13U);
  EXPECT_EQ(work.logit_rows, 13U * 4);
}

std::vector<TokenId> counting_ids(std::size_t count) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<TokenId>(i % 61));
  return ids;
}

TEST(AttributionWork, SharedPrefixRunsEveryPositionOnceInFrontAndThoseBehindEachRemoval) {
  const AttributionTask task{counting_ids(60), 5, 57, {4, 9, 4, 7}};
  // 56 positions in front of the last removal, then for the whole prompt and each removal what stands behind.
  std::uint64_t expected = 56 + (4 + 3);
  for (std::uint64_t removed = 5; removed < 57; ++removed) expected += 59 - removed + 3;
  for (const std::size_t budget : {1, 200, 4096}) {
    const auto work = SharedPrefixEngine(budget).run(tiny_transformer(1), task).work;
    EXPECT_EQ(work.positions_naive, naive_positions(task));
    EXPECT_EQ(work.positions, expected) << budget;
    EXPECT_EQ(work.logit_rows, 53U * 4);
  }
  EXPECT_EQ(SharedPrefixEngine(4096).run(tiny_transformer(1), task).work.model_calls, 1U);  // all in one
  EXPECT_EQ(SharedPrefixEngine(1).run(tiny_transformer(1), task).work.model_calls, 56U + 53U);
}

TEST(AttributionWork, EqualNeighboursRunOnce) {
  const AttributionTask task{{1, 9, 9, 9, 4}, 1, 5, {7, 8}};
  const auto work = SharedPrefixEngine().run(tiny_transformer(1), task).work;
  EXPECT_EQ(work.logit_rows, 3U * 2);         // whole, without a 9, without the 4
  EXPECT_EQ(work.positions, 4U + 2 + 4 + 2);  // in front; whole; without a 9; without the 4
}

TEST(AttributionWork, AddsUp) {
  AttributionWork sum{1, 2, 3, 4};
  sum += {10, 20, 30, 40};
  EXPECT_EQ(sum.positions, 11U);
  EXPECT_EQ(sum.positions_naive, 22U);
  EXPECT_EQ(sum.model_calls, 33U);
  EXPECT_EQ(sum.logit_rows, 44U);
}

class Engine : public testing::TestWithParam<EngineKind> {
 protected:
  std::string refusal(const AttributionTask& task) const {
    return message_of<UserError>([&] { make_engine(GetParam(), 4096)->run(tiny_transformer(1), task); });
  }
};

TEST_P(Engine, RefusesTasksWithoutMeaning) {
  EXPECT_THAT(refusal({{1, 2, 3}, 1, 3, {}}), HasSubstr("answer is empty"));
  EXPECT_THAT(refusal({{1, 2, 3}, 2, 2, {4}}), HasSubstr("no candidate tokens"));
  EXPECT_THAT(refusal({{1}, 0, 1, {4}}), HasSubstr("single token"));
  EXPECT_THAT(refusal({{1, 61, 3}, 1, 3, {4}}), HasSubstr("token id 61"));
  EXPECT_THAT(refusal({{1, 2, 3}, 1, 3, {-4}}), HasSubstr("token id -4"));
  EXPECT_THAT(refusal({random_ids(92, 1), 1, 3, random_ids(5, 1)}), AllOf(HasSubstr("97 tokens"), HasSubstr("96")));
}

TEST_P(Engine, RefusesCandidatesOutsideThePrompt) {
  const auto engine = make_engine(GetParam(), 4096);
  EXPECT_THROW(engine->run(tiny_transformer(1), {{1, 2, 3}, 1, 4, {4}}), ContractViolation);
  EXPECT_THROW(engine->run(tiny_transformer(1), {{1, 2, 3}, 2, 1, {4}}), ContractViolation);
}

TEST_P(Engine, SaysWhichLogProbabilityIsNotFinite) {
  auto model = tiny_transformer(1);
  model.weights().embedding_VD[7].fill_(std::nanf(""));
  const auto engine = make_engine(GetParam(), 4096);
  EXPECT_THAT(message_of<RuntimeFailure>([&] {
                engine->run(model, {{1, 7, 3}, 1, 3, {4}});
              }),
              AllOf(HasSubstr("not finite"), HasSubstr("answer token 0, removal 0"), HasSubstr("hint")));
}

INSTANTIATE_TEST_SUITE_P(Names, Engine, testing::Values(EngineKind::reference, EngineKind::shared_prefix),
                         [](const auto& test) { return name_of_value(test.param); });

TEST(MakeEngine, MakesWhatTheOptionNames) {
  EXPECT_EQ(names_of<EngineKind>(), (std::vector<std::string>{"shared_prefix", "reference"}));
  EXPECT_NE(dynamic_cast<SharedPrefixEngine*>(make_engine(EngineKind::shared_prefix, 0).get()), nullptr);
  EXPECT_NE(dynamic_cast<ReferenceEngine*>(make_engine(EngineKind::reference, 0).get()), nullptr);
}

}  // namespace
}  // namespace unpact
