#include "unpact/endpoint/endpoint_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <mutex>

#include "core/temporary_folder.hpp"
#include "endpoint/small_server.hpp"
#include "endpoint/whole_message.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Le;
using testing::Not;
using testing_support::ByteTokenizer;
using testing_support::ServerReply;
using testing_support::ServerRequest;
using testing_support::SmallServer;
using testing_support::TemporaryFolder;
using testing_support::whole_refusal;

/// A number that depends on all ids up to it.
float value_of(const std::vector<TokenId>& ids, std::size_t at) {
  std::uint64_t hash = 7;
  for (std::size_t i = 0; i <= at; ++i) hash = hash * 31 + static_cast<std::uint64_t>(ids[i]);
  return -static_cast<float>(hash % 97) / 16;
}

/// Speaks vLLM's protocol, with faults on demand.
class FakeVllm {
 public:
  FakeVllm() : server_([this](const ServerRequest& request) { return reply(request); }) {}

  EndpointAddress address() const { return {server_.url() + "/v1/", EndpointKind::vllm, "tiny", ""}; }
  std::vector<std::size_t> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    batches_.clear();
  }

  std::string models = R"({"data": [{"id": "tiny", "root": "org/tiny", "max_model_len": 128}]})";
  bool adds_bos = false, gives_scores = true;
  int shift = 0;  ///< of ids of a text
  float noise = 0;

 private:
  ServerReply reply(const ServerRequest& request) {
    if (request.path == "/v1/models") return {200, models};
    const auto body = Json::parse(request.body);
    Json choices = Json::array();
    const auto prompts = body["prompt"].is_string() ? Json::array({ids_of_text(body["prompt"])}) : body["prompt"];
    std::size_t call = 0;
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(prompts.size());
      call = batches_.size();
    }
    for (const auto& prompt : prompts) {
      auto ids = prompt.get<std::vector<TokenId>>();
      if (adds_bos) ids.insert(ids.begin(), 1);
      Json entries = Json::array({nullptr});
      for (std::size_t i = 1; i < ids.size(); ++i)
        entries.push_back(
            {{std::to_string(ids[i]), {{"logprob", value_of(ids, i) - noise * static_cast<float>(call % 2)}, {"rank", 2}}}});
      choices.push_back({{"index", choices.size()}, {"prompt_token_ids", ids}, {"token_ids", {ids.back(), 2}}});
      if (gives_scores) choices.back()["prompt_logprobs"] = entries;
    }
    return {200, Json({{"choices", choices}}).dump()};
  }

  Json ids_of_text(const std::string& text) const {
    auto ids = ByteTokenizer().encode(text).ids;
    for (auto& id : ids) id += shift;
    return ids;
  }

  mutable std::mutex mutex_;
  std::vector<std::size_t> batches_;
  SmallServer server_;
};

std::vector<ScoredIds> sequences(std::size_t count) {
  std::vector<ScoredIds> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back({{5, 6}, 2});
    for (std::size_t k = 0; k < 2 + i % 5; ++k) all.back().ids.push_back(static_cast<TokenId>(10 + i + k));
  }
  return all;
}

void expect_values(const std::vector<IdScores>& scores, const std::vector<ScoredIds>& asked) {
  ASSERT_EQ(scores.size(), asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto& ids = asked[i].ids;
    EXPECT_EQ(scores[i].log_probabilities, (std::vector{value_of(ids, ids.size() - 2), value_of(ids, ids.size() - 1)})) << i;
  }
}

TEST(EndpointModel, EverySequenceGetsItsOwnScoresHoweverTheyAreCut) {
  FakeVllm server;
  const auto asked = sequences(100);
  for (const std::int64_t batch : {1, 7, 256})
    for (const std::size_t together : {1, 3}) {
      EndpointOptions options;
      options.batch = batch;
      server.forget();
      expect_values(open_endpoint(server.address(), options, {"tiny", "", 0, 0}, {2}, together)->score(asked), asked);
      EXPECT_THAT(server.batches(), Each(Le(static_cast<std::size_t>(batch))));
      const auto fewest = batch == 256 ? (together == 1 ? 1U : 3U) : 0U;
      EXPECT_TRUE(fewest == 0 || server.batches().size() == fewest) << "as few requests as keep all under way";
    }
}

TEST(EndpointModel, ARequestHoldsNoMoreIdsThanAsked) {
  FakeVllm server;
  EndpointOptions options;
  options.batch_tokens = 10;
  const auto asked = sequences(20);  // of four to eight ids
  expect_values(open_endpoint(server.address(), options, {"tiny", "", 0, 0}, {2}, 1)->score(asked), asked);
  EXPECT_THAT(server.batches(), Each(Le(2U)));
}

TEST(EndpointModel, SampledPromptsHaveARequestEach) {
  FakeVllm server;
  const auto model = open_endpoint(server.address(), {}, {"tiny", "", 0, 0}, {2}, 2);
  const std::vector<RemotePrompt> prompts(5, {{4, 9}, 1});
  EXPECT_EQ(model->answer(prompts, {}), std::vector(5, std::vector<TokenId>{9, 2}));
  EXPECT_EQ(server.batches().size(), 2U);
  server.forget();
  EXPECT_EQ(model->answer(prompts, {8, true, 1, 1}), std::vector(5, std::vector<TokenId>{9, 2}));
  EXPECT_EQ(server.batches().size(), 5U);
}

TEST(EndpointModel, WhichModelItIsDependsOnWhatTheServerSaysAndNotOnItsPlace) {
  FakeVllm a, b;
  const auto id = [](const FakeVllm& server, const EndpointFacts& facts) {
    return open_endpoint(server.address(), {}, facts, {}, 1)->identity();
  };
  const EndpointFacts tiny{"tiny", "org/tiny", 0, 0};
  EXPECT_EQ(id(a, tiny), id(b, tiny));
  EXPECT_NE(id(a, tiny), id(a, {"tiny", "org/other", 0, 0}));
  EXPECT_NE(id(a, tiny), id(a, {"other", "org/tiny", 0, 0}));
}

TEST(LookAtEndpoint, FindsNameContextAndNoise) {
  FakeVllm server;
  auto facts = look_at_endpoint(server.address(), {}, ByteTokenizer());
  EXPECT_EQ(facts.name, "tiny");
  EXPECT_EQ(facts.root, "org/tiny");
  EXPECT_EQ(facts.context, 128);
  EXPECT_EQ(facts.noise, 0);
  server.noise = 0.25;
  auto address = server.address();
  address.name.clear();  // the only one
  facts = look_at_endpoint(address, {}, ByteTokenizer());
  EXPECT_EQ(facts.name, "tiny");
  EXPECT_NEAR(facts.noise, 0.25, 1e-6);
}

TEST(LookAtEndpoint, RefusesWhatCannotBeUsed) {
  FakeVllm server;
  const auto refused = [&](const EndpointAddress& address) {
    return whole_refusal([&] { look_at_endpoint(address, {}, ByteTokenizer()); });
  };
  auto other = server.address();
  other.name = "llama";
  EXPECT_THAT(refused(other), AllOf(HasSubstr("'llama'"), HasSubstr("it serves tiny")));
  server.adds_bos = true;
  EXPECT_THAT(refused(server.address()), HasSubstr("other token ids than were sent"));
  server.adds_bos = false;
  server.gives_scores = false;
  EXPECT_THAT(refused(server.address()), AllOf(HasSubstr("tiny at http://"), HasSubstr("no prompt_logprobs")));
  server.gives_scores = true;
  server.shift = 1;
  EXPECT_THAT(refused(server.address()), AllOf(HasSubstr("tokenizer"), HasSubstr("at 0")));
  server.models = R"({"data": [{"id": "a"}, {"id": "b"}]})";
  other.name.clear();
  EXPECT_THAT(refused(other), AllOf(HasSubstr("several"), HasSubstr("a, b")));
  server.models = "<html><body>It works!</body></html>";
  EXPECT_THAT(refused(other), AllOf(HasSubstr("web page"), HasSubstr("port")));
}

TEST(LookAtEndpoint, AKeyThatIsWantedMustBeThere) {
  FakeVllm server;
  auto address = server.address();
  address.key_variable = "UNPACT_TEST_KEY";
  ::unsetenv("UNPACT_TEST_KEY");
  EXPECT_THAT(whole_refusal([&] { look_at_endpoint(address, {}, ByteTokenizer()); }),
              HasSubstr("UNPACT_TEST_KEY holds no key"));
  ::setenv("UNPACT_TEST_KEY", "a\nHost: evil", 1);
  EXPECT_THAT(whole_refusal([&] { look_at_endpoint(address, {}, ByteTokenizer()); }),
              AllOf(HasSubstr("white space"), Not(HasSubstr("evil"))));
  ::setenv("UNPACT_TEST_KEY", " sesame\n", 1);
  EXPECT_EQ(look_at_endpoint(address, {}, ByteTokenizer()).name, "tiny");
  ::unsetenv("UNPACT_TEST_KEY");
}

TEST(ConfigOfEndpoint, TakesIdsFromFilesOfAnyArchitectureAndTheShortestContext) {
  const TemporaryFolder folder;
  EXPECT_THAT(whole_refusal([&] { config_of_endpoint(folder.path(), ByteTokenizer(), {}, {}); }),
              HasSubstr("endpoint.context"));
  auto config = config_of_endpoint(folder.path(), ByteTokenizer(), {"m", "", 64, 0}, {});
  EXPECT_EQ(config.max_positions, 63);  // one id is written behind what is scored
  EXPECT_EQ(config.vocabulary_size, 259);
  EXPECT_EQ(config.eos_ids, std::vector<std::int64_t>{2});
  folder.write("config.json", R"({"model_type": "something_new", "text_config": {"vocab_size": 264,
    "max_position_embeddings": 50, "eos_token_id": [2, 7], "bos_token_id": 1}})");
  config = config_of_endpoint(folder.path(), ByteTokenizer(), {"m", "", 64, 0}, {});
  EXPECT_EQ(config.max_positions, 50);
  EXPECT_EQ(config.vocabulary_size, 264);
  EXPECT_EQ(config.eos_ids, (std::vector<std::int64_t>{2, 7}));
  EndpointOptions options;
  options.context = 20;
  EXPECT_EQ(config_of_endpoint(folder.path(), ByteTokenizer(), {"m", "", 64, 0}, options).max_positions, 20);
  folder.write("generation_config.json", R"({"eos_token_id": [2, 9]})");
  const auto other = config_of_endpoint(folder.path(), ByteTokenizer(), {"m", "", 64, 0}, options);
  EXPECT_EQ(other.eos_ids, (std::vector<std::int64_t>{2, 9}));
  EXPECT_NE(config_checksum_of_endpoint(config), config_checksum_of_endpoint(other));
}

TEST(RequestsOfRank, ShareTheWholeAndLeaveNobodyWithout) {
  EXPECT_EQ(requests_of_rank(8, 0, 1), 8U);
  EXPECT_EQ(requests_of_rank(8, 0, 3) + requests_of_rank(8, 1, 3) + requests_of_rank(8, 2, 3), 8U);
  EXPECT_EQ(requests_of_rank(2, 3, 4), 1U);
}

}  // namespace
}  // namespace unpact
