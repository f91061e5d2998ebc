// One bound engine for many requests: shared contexts, several answers, spans, parts; each equals the definition.
#include "unpact/attribution/leave_one_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attribution/made_methods.hpp"
#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::expect_close;
using testing_support::kRounding;
using testing_support::random_ids;

std::vector<TokenId> joined(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void expect_definition(const Transformer& model, BoundEngine& bound, const AttributionRequest& request,
                       const std::string& what) {
  const auto expected = ReferenceEngine().open(model)->run(request);
  const auto actual = bound.run(request);
  ASSERT_EQ(actual.size(), request.answers.size());
  for (std::size_t a = 0; a < actual.size(); ++a) {
    EXPECT_EQ(actual[a].candidates, request.removals.size());
    expect_close(at::tensor(actual[a].log_probabilities), at::tensor(expected[a].log_probabilities), kRounding,
                 concat(what, ", answer ", a));
  }
}

class BoundEngineOnArchitecture : public testing::TestWithParam<std::string> {
 protected:
  Transformer model_ = testing_support::tiny_transformer_of(GetParam());
};

TEST_P(BoundEngineOnArchitecture, SeveralAnswersShareThePrompt) {
  for (const std::size_t budget : {1, 90, 4096}) {
    const auto bound = SharedPrefixEngine(budget).open(model_);
    AttributionRequest request;
    request.prompt = random_ids(25, 3);
    request.removals = single_tokens(6, 25);
    request.answers = {random_ids(4, 1), random_ids(1, 2), random_ids(9, 5), {7}};
    expect_definition(model_, *bound, request, concat("budget ", budget));
    request.answers = {{5}, random_ids(3, 8)};
    expect_definition(model_, *bound, request, concat("other answers, budget ", budget));
  }
}

TEST_P(BoundEngineOnArchitecture, SpansOfSeveralTokens) {
  const auto bound = SharedPrefixEngine(64).open(model_);
  AttributionRequest request;
  request.prompt = random_ids(24, 3);
  request.answers = {random_ids(4, 1), random_ids(2, 2)};
  request.removals = {{0, 3}, {3, 4}, {6, 11}, {20, 24}};
  expect_definition(model_, *bound, request, "with gaps, to the end");
  request.removals = {{23, 24}};
  expect_definition(model_, *bound, request, "the last token");
  request.removals = {{1, 24}};
  expect_definition(model_, *bound, request, "all but the first");
  request.removals = {{0, 23}};
  expect_definition(model_, *bound, request, "all but the last");
}

TEST_P(BoundEngineOnArchitecture, ContextsAreKeptFromPromptToPrompt) {
  const auto bound = SharedPrefixEngine(64).open(model_);
  const std::vector<std::vector<TokenId>> contexts = {random_ids(20, 1), random_ids(20, 2), random_ids(12, 1),
                                                      random_ids(20, 4)};
  for (std::uint64_t turn = 0; turn < 9; ++turn) {
    const auto& context = contexts[(turn * turn) % contexts.size()];
    AttributionRequest request;
    request.prompt = joined(context, random_ids(8, 50 + turn));
    request.removals = single_tokens(context.size(), context.size() + 7);
    request.answers = {random_ids(3, 70 + turn)};
    expect_definition(model_, *bound, request, concat("turn ", turn));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, BoundEngineOnArchitecture, testing::ValuesIn(testing_support::tiny_architectures()),
                         [](const auto& test) { return test.param; });

AttributionRequest question(const std::vector<TokenId>& context, std::uint64_t seed) {
  AttributionRequest request;
  request.prompt = joined(context, random_ids(8, seed));
  request.removals = single_tokens(context.size(), request.prompt.size());
  request.answers = {random_ids(3, seed + 1)};
  return request;
}

TEST(BoundEngine, RunsASharedContextOnce) {
  const auto model = testing_support::tiny_transformer(1);
  const auto bound = SharedPrefixEngine().open(model);
  const auto context = random_ids(40, 1);
  const auto first = bound->run(question(context, 5)).front().work.positions;
  const auto second = bound->run(question(context, 6)).front().work.positions;
  EXPECT_EQ(first, second + 40);
}

TEST(BoundEngine, GivesTheSameBitsWhateverCameBefore) {
  const auto model = testing_support::tiny_transformer(1);
  const auto used = SharedPrefixEngine(20).open(model);
  const auto context = random_ids(40, 1);
  for (std::uint64_t i = 0; i < 4; ++i) used->run(question(random_ids(i % 2 ? 40 : 17, i), i));
  const auto request = question(context, 9);
  const auto parts = used->parts(request);
  ASSERT_GT(parts.size(), 1U);
  const auto expected = SharedPrefixEngine(20).open(model)->run(request).front().log_probabilities;
  used->run(request);  // now everything is there
  std::vector<float> backwards;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const auto rows = used->run_part(request, *part).front().log_probabilities;
    backwards.insert(backwards.begin(), rows.begin(), rows.end());
  }
  EXPECT_EQ(backwards, expected);
}

/// The beginning of a question that is one part runs with it, whatever the cache holds by then.
TEST(BoundEngine, AQuestionInOnePassHasTheSameBitsEveryTime) {
  const auto model = testing_support::tiny_transformer(1);
  for (const std::size_t before : {3, 20}) {  // a context that is not kept, one that is
    AttributionRequest request;
    request.prompt = random_ids(before + 12, 1);
    request.removals = single_tokens(before, before + 11);
    request.answers = {random_ids(4, 2), random_ids(2, 3)};
    const auto bound = SharedPrefixEngine(4096).open(model);
    ASSERT_EQ(bound->parts(request).size(), 1U);
    const auto first = bound->run(request), again = bound->run(request);
    auto other = request;
    other.prompt.back() = (other.prompt.back() + 1) % 61;
    bound->run(other);
    const auto behind = bound->run(request);
    for (std::size_t a = 0; a < first.size(); ++a) {
      EXPECT_EQ(again[a].log_probabilities, first[a].log_probabilities);
      EXPECT_EQ(behind[a].log_probabilities, first[a].log_probabilities);
    }
    EXPECT_EQ(first[0].work.model_calls, before >= 16 ? 2U : 1U) << "the kept context by itself";
    EXPECT_EQ(again[0].work.model_calls, 1U);
  }
}

TEST(BoundEngine, PartsCoverTheRowsUnderTheBudget) {
  const auto model = testing_support::tiny_transformer(1);
  const auto request = question(random_ids(10, 1), 4);
  for (const std::size_t budget : {1, 12, 25, 1000}) {
    std::size_t next = 0;
    for (const auto& part : SharedPrefixEngine(budget).open(model)->parts(request)) {
      EXPECT_EQ(part.first_row, next);
      EXPECT_TRUE(part.positions <= budget || part.last_row == part.first_row + 1);
      next = part.last_row;
    }
    EXPECT_EQ(next, request.removals.size() + 1);
  }
}

TEST(BoundEngine, FinerPartsCoverTheRowsAndAreWorthAPass) {
  const auto model = testing_support::tiny_transformer(1);
  AttributionRequest request;
  request.prompt = random_ids(40, 4);
  request.removals = single_tokens(4, 40);
  request.answers = {random_ids(8, 5)};
  const auto bound = SharedPrefixEngine(4096).open(model);
  std::uint64_t total = 0;
  for (const auto& part : bound->parts(request)) total += part.positions;
  ASSERT_EQ(bound->parts(request).size(), 1U);
  for (const std::size_t pieces : {1, 2, 5, 12, 1000}) {
    const auto parts = bound->finer_parts(request, pieces);
    std::size_t next = 0;
    std::uint64_t sum = 0;
    for (const auto& part : parts) {
      EXPECT_EQ(part.first_row, next);
      next = part.last_row;
      sum += part.positions;
      if (next <= request.removals.size()) {
        EXPECT_GE(part.positions, 32U) << "all but the last";
      }
    }
    EXPECT_EQ(next, request.removals.size() + 1);
    EXPECT_EQ(sum, total) << "the same rows, cut in another way";
    EXPECT_LE(parts.size(), std::min<std::size_t>(pieces, total / 32));
    if (pieces <= 5) {
      EXPECT_EQ(parts.size(), pieces);
    }
  }
}

TEST(BoundEngine, NamesTheBlockWhereNumbersBreak) {
  auto model = testing_support::tiny_transformer(1);
  testing_support::spoil(model.weights(), "model.layers.1.mlp.down_proj.weight");
  for (const auto kind : {EngineKind::reference, EngineKind::shared_prefix}) {
    const auto message = testing_support::message_of<RuntimeFailure>([&] {
      make_engine(kind, 0)->run(model, {{1, 7, 3}, 1, 3, {4}});
    });
    EXPECT_THAT(message, HasSubstr("first behind block 1")) << name_of_value(kind);
  }
}

}  // namespace
}  // namespace unpact
