#include "unpact/inference/generation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/parity.hpp"
#include "support/tiny_architectures.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::Expected;
using testing_support::log_probabilities;
using testing_support::message_of;
using testing_support::parity;
using testing_support::random_ids;
using testing_support::tiny_config;
using testing_support::tiny_transformer;

GenerationOptions greedy(std::int64_t tokens) {
  GenerationOptions options;
  options.max_new_tokens = tokens;
  return options;
}

std::vector<std::vector<TokenId>> alone(const Transformer& model, const std::vector<GenerationRequest>& requests,
                                        const GenerationOptions& options) {
  std::vector<std::vector<TokenId>> answers;
  for (const auto& request : requests) answers.push_back(generate(model, {request}, options).front());
  return answers;
}

/// Greedy continuation by a full pass for every token.
std::vector<TokenId> without_cache(const Transformer& model, std::vector<TokenId> ids, std::size_t count) {
  std::vector<TokenId> answer;
  while (answer.size() < count) {
    answer.push_back(log_probabilities(model, ids)[-1].argmax().item<TokenId>());
    ids.push_back(answer.back());
  }
  return answer;
}

class GreedyParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { UNPACT_NEED_PARITY(concat(GetParam(), ".safetensors")); }
};

TEST_P(GreedyParity, IsTheTextOfTransformers) {
  auto config = read_model_config(parity(GetParam()));
  config.eos_ids = {};  // the fixture goes on behind EOS
  const Transformer model(config, load_weights(config, parity(GetParam()), at::kCPU));
  const Expected fixture(concat(GetParam(), ".safetensors"));
  const auto tokens = fixture["tokens"], continuations = fixture["greedy"];
  const auto lengths = fixture.integers("lengths");
  std::vector<GenerationRequest> requests;
  std::vector<std::vector<TokenId>> expected;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    const auto* row = tokens.const_data_ptr<TokenId>() + static_cast<std::int64_t>(b) * tokens.size(1);
    const auto* more = continuations.const_data_ptr<TokenId>() + static_cast<std::int64_t>(b) * continuations.size(1);
    requests.push_back({{row, row + lengths[b]}, 0});
    expected.emplace_back(more, more + continuations.size(1));
  }
  EXPECT_EQ(alone(model, requests, greedy(64)), expected);
  EXPECT_EQ(generate(model, requests, greedy(64)), expected);
}

INSTANTIATE_TEST_SUITE_P(Models, GreedyParity, testing::ValuesIn(testing_support::parity_models()),
                         [](const auto& test) { return test.param; });

TEST(Generation, TellsThePublishedModelsStories) {
  UNPACT_NEED_PARITY("stories260K.json");
  UNPACT_NEED_DATA("models/stories260K");
  const auto folder = testing_support::test_data("models/stories260K");
  auto config = read_model_config(folder);
  config.eos_ids = {};
  const Transformer model(config, load_weights(config, folder, at::kCPU));
  const auto tokenizer = load_tokenizer(folder);
  std::vector<GenerationRequest> requests;
  const auto entries = read_json_file(parity("stories260K.json"));
  for (const auto& entry : entries) {
    auto ids = tokenizer->encode(entry["prompt"].get<std::string>()).ids;
    ids.insert(ids.begin(), *tokenizer->bos_id());
    EXPECT_EQ(ids, entry["ids"].get<std::vector<TokenId>>());
    requests.push_back({ids, 0});
  }
  for (const auto& answers : {alone(model, requests, greedy(64)), generate(model, requests, greedy(64))})
    for (std::size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ(answers[i], entries[i]["greedy"].get<std::vector<TokenId>>());
      EXPECT_EQ(tokenizer->decode(answers[i]), entries[i]["text"].get<std::string>());
    }
}

TEST(Generation, TheCacheChangesNothing) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto model = tiny_transformer(seed);
    std::vector<GenerationRequest> requests;
    std::vector<std::vector<TokenId>> expected;
    for (const std::size_t length : {1, 2, 13, 30}) {
      requests.push_back({random_ids(length, seed + length), 0});
      expected.push_back(without_cache(model, requests.back().prompt, 24));
    }
    EXPECT_EQ(generate(model, requests, greedy(24)), expected);
  }
}

TEST(Generation, TheBudgetChangesNothing) {
  const auto model = tiny_transformer(4);
  std::vector<GenerationRequest> requests;
  for (std::size_t i = 0; i < 9; ++i) requests.push_back({random_ids(1 + 5 * i, i), 0});
  auto options = greedy(12);
  const auto expected = alone(model, requests, options);
  for (const std::size_t budget : {1, 60, 150, 8192}) {
    options.token_budget = budget;
    EXPECT_EQ(generate(model, requests, options), expected) << budget;
  }
}

TEST(Generation, StopsAtAnyStopToken) {
  auto config = tiny_config();
  const auto prompts = {random_ids(3, 1), random_ids(12, 2), random_ids(7, 3)};
  std::vector<GenerationRequest> requests;
  for (const auto& prompt : prompts) requests.push_back({prompt, 0});
  const auto endless = generate(tiny_transformer(5), requests, greedy(16));
  config.eos_ids = {endless[0][6], endless[1][2]};
  auto expected = endless;
  for (auto& answer : expected)
    answer.erase(std::find_first_of(answer.begin(), answer.end(), config.eos_ids.begin(), config.eos_ids.end()),
                 answer.end());
  const auto model = tiny_transformer(5, config);
  EXPECT_EQ(generate(model, requests, greedy(16)), expected);
  EXPECT_EQ(alone(model, requests, greedy(16)), expected);
  EXPECT_LT(expected[0].size(), 16U);
}

TEST(Generation, MayAnswerNothing) {
  auto config = tiny_config();
  config.eos_ids = {generate(tiny_transformer(6), {{{1, 2, 3}, 0}}, greedy(1)).front().front()};
  EXPECT_THAT(generate(tiny_transformer(6, config), {{{1, 2, 3}, 0}}, greedy(10)).front(), IsEmpty());
}

TEST(Generation, NoRequestsGiveNoAnswers) { EXPECT_THAT(generate(tiny_transformer(1), {}, greedy(4)), IsEmpty()); }

TEST(Generation, FillsTheContextToTheLastPosition) {
  const auto model = tiny_transformer(1);
  EXPECT_EQ(generate(model, {{random_ids(90, 1), 0}}, greedy(6)).front().size(), 6U);
  EXPECT_THAT(message_of<UserError>([&] {
                generate(model, {{random_ids(91, 1), 0}}, greedy(6));
              }),
              testing::AllOf(HasSubstr("97 tokens"), HasSubstr("context holds 96")));
}

TEST(Generation, RefusesBadRequests) {
  const auto model = tiny_transformer(1);
  const auto refusal = [&](const std::vector<TokenId>& prompt) {
    return message_of<UserError>([&] { generate(model, {{{1}, 0}, {prompt, 0}}, greedy(2)); });
  };
  EXPECT_THAT(refusal({}), HasSubstr("prompt 1 is empty"));
  EXPECT_THAT(refusal({3, 61}), HasSubstr("token id 61"));
  EXPECT_THAT(refusal({-1}), HasSubstr("token id -1"));
}

TEST(Generation, RefusesBadOptions) {
  const auto model = tiny_transformer(1);
  const auto refusal = [&](auto change) {
    auto options = greedy(2);
    change(options);
    return message_of<UserError>([&] { generate(model, {{{1}, 0}}, options); });
  };
  EXPECT_THAT(refusal([](auto& o) { o.max_new_tokens = 0; }), HasSubstr("max_new_tokens"));
  for (const double value : {0.0, -1.0, std::nan("")})
    EXPECT_THAT(refusal([&](auto& o) { o.temperature = value; }), HasSubstr("temperature"));
  for (const double value : {0.0, -1.0, 1.01, std::nan("")})
    EXPECT_THAT(refusal([&](auto& o) { o.top_p = value; }), HasSubstr("top_p"));
}

TEST(Generation, LogitsThatAreNotFiniteAreRefused) {
  auto model = tiny_transformer(1);
  model.weights().head_VD[5].fill_(std::nanf(""));
  EXPECT_THAT(message_of<RuntimeFailure>([&] { generate(model, {{random_ids(6, 1)}}, greedy(3)); }),
              HasSubstr("not finite"));
}

}  // namespace
}  // namespace unpact
