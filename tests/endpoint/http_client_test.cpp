#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "endpoint/small_server.hpp"
#include "endpoint/whole_message.hpp"
#include "src/endpoint/http_client.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_support::ServerReply;
using testing_support::ServerRequest;
using testing_support::SmallServer;
using testing_support::whole_message;

HttpSettings settings_of(const SmallServer& server) {
  HttpSettings settings;
  settings.base = server.url();
  settings.timeout = 5;
  settings.retries = 3;
  settings.first_pause = 0.01;  // tests do not wait
  settings.together = 4;
  return settings;
}

TEST(HttpClient, BodiesComeBackUnderTheirRequestsWithSeveralUnderWay) {
  SmallServer server([](const ServerRequest& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return ServerReply{200, "you sent " + request.body};
  });
  HttpClient client(settings_of(server));
  std::vector<HttpRequest> requests;
  for (int i = 0; i < 12; ++i) requests.push_back({"/score", std::to_string(i)});
  std::map<std::size_t, std::string> replies;
  client.run(requests, [&](std::size_t i, const std::string& body) { replies[i] = body; });
  ASSERT_EQ(replies.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(replies[i], concat("you sent ", i));
  EXPECT_GT(server.most_at_once(), 1);
  EXPECT_LE(server.most_at_once(), 4);
}

TEST(HttpClient, SendsJsonWithTheKeyAndAGetWithoutABody) {
  SmallServer server([](const ServerRequest&) { return ServerReply{200, "{}"}; });
  auto settings = settings_of(server);
  settings.key = "sesame";
  HttpClient client(settings);
  client.run({"/v1/models", ""});
  client.run({"/v1/completions", "{\"a\":1}"});
  const auto seen = server.requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].method, "GET");
  EXPECT_EQ(seen[1].method, "POST");
  EXPECT_EQ(seen[1].path, "/v1/completions");
  EXPECT_EQ(seen[1].body, "{\"a\":1}");
  EXPECT_THAT(seen[1].head, AllOf(HasSubstr("Authorization: Bearer sesame"), HasSubstr("Content-Type: application/json"),
                                  Not(HasSubstr("Expect:"))));
}

TEST(HttpClient, BusyServersAndLostConnectionsAreAskedAgain) {
  for (const auto& [name, first] : std::map<std::string, ServerReply>{{"429", {429, "busy", "Retry-After: 0\r\n"}},
                                                                      {"503", {503, ""}},
                                                                      {"500", {500, "out of memory"}},
                                                                      {"dropped", {200, "{\"ha", "", true}}}) {
    std::mutex mutex;
    std::map<std::string, int> attempts;
    SmallServer server([&, reply = first](const ServerRequest& request) {
      const std::lock_guard lock(mutex);
      return ++attempts[request.body] <= 2 ? reply : ServerReply{200, "good " + request.body};
    });
    HttpClient client(settings_of(server));
    std::map<std::size_t, std::string> replies;
    client.run({{"/x", "a"}, {"/x", "b"}}, [&](std::size_t i, const std::string& body) { replies[i] = body; });
    EXPECT_EQ(replies[0], "good a") << name;
    EXPECT_EQ(replies[1], "good b") << name;
    EXPECT_EQ(client.attempts(), 6U) << name;
  }
}

TEST(HttpClient, GivesUpWhenAttemptsAreUsedUp) {
  SmallServer server([](const ServerRequest&) { return ServerReply{503, "loading the model"}; });
  HttpClient client(settings_of(server));
  EXPECT_THAT(
      whole_message<RuntimeFailure>([&] {
        client.run({"/x", "a"});
      }),
      AllOf(HasSubstr("does not answer"), HasSubstr("HTTP status 503, at 4 attempt(s)"), HasSubstr("loading the model")));
  EXPECT_EQ(server.requests().size(), 4U);
}

TEST(HttpClient, NobodyListens) {
  std::string url;
  {
    const SmallServer gone([](const ServerRequest&) { return ServerReply{}; });
    url = gone.url();
  }
  HttpSettings settings;
  settings.base = url;
  settings.retries = 1;
  settings.first_pause = 0.01;
  HttpClient client(settings);
  EXPECT_THAT(whole_message<RuntimeFailure>([&] {
                client.run({"/v1/models", ""});
              }),
              AllOf(HasSubstr(url), HasSubstr("at 2 attempt(s)")));
}

TEST(HttpClient, ASlowAnswerCountsAsNone) {
  std::atomic<int> calls{0};
  SmallServer server([&](const ServerRequest&) {
    if (++calls == 1) std::this_thread::sleep_for(std::chrono::milliseconds(400));
    return ServerReply{200, "late"};
  });
  auto settings = settings_of(server);
  settings.timeout = 0.15;
  HttpClient client(settings);
  EXPECT_EQ(client.run({"/x", "a"}), "late");
  EXPECT_EQ(client.attempts(), 2U);
}

TEST(HttpClient, RefusalsAreNotRepeatedAndHideTheKey) {
  SmallServer server([](const ServerRequest&) { return ServerReply{401, "the key sesame\x01 is unknown"}; });
  auto settings = settings_of(server);
  settings.key = "sesame";
  HttpClient client(settings);
  const auto message = whole_message<UserError>([&] { client.run({"/x", "a"}); });
  EXPECT_THAT(message, AllOf(HasSubstr("HTTP status 401"), HasSubstr("the key (key)  is unknown"),
                             HasSubstr("environment variable")));
  EXPECT_THAT(message, Not(HasSubstr("sesame")));
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(HttpClient, ARefusalNamesTheLimitOfTheContext) {
  SmallServer server([](const ServerRequest&) { return ServerReply{400, "maximum context length is 8 tokens"}; });
  HttpClient client(settings_of(server));
  EXPECT_THAT(whole_message<UserError>([&] {
                client.run({"/x", "a"});
              }),
              AllOf(HasSubstr("maximum context length is 8"), HasSubstr("endpoint.context")));
}

TEST(HttpClient, AServerThatTakesTextAloneIsSaidToBeOne) {
  SmallServer server([](const ServerRequest&) { return ServerReply{422, "prompt: Input should be a valid string"}; });
  HttpClient client(settings_of(server));
  EXPECT_THAT(whole_message<UserError>([&] {
                client.run({"/x", "a"});
              }),
              AllOf(HasSubstr("valid string"), HasSubstr("takes token ids")));
}

TEST(HttpClient, WhatAReaderThrowsEndsTheCallAndLeavesTheClientUsable) {
  SmallServer server([](const ServerRequest& request) { return ServerReply{200, request.body}; });
  HttpClient client(settings_of(server));
  const std::vector<HttpRequest> requests(8, {"/x", "a"});
  EXPECT_THROW(client.run(requests, [](std::size_t, const std::string&) { throw UserError("bad", "", ""); }), UserError);
  EXPECT_EQ(client.run({"/x", "b"}), "b");
}

TEST(HttpClient, ARedirectionIsNotFollowed) {
  SmallServer elsewhere([](const ServerRequest&) { return ServerReply{200, "{}"}; });
  SmallServer server([&](const ServerRequest&) {
    return ServerReply{302, "", concat("Location: ", elsewhere.url(), "/x\r\n")};
  });
  auto settings = settings_of(server);
  settings.key = "sesame";
  HttpClient client(settings);
  EXPECT_THROW(client.run({"/x", "a"}), UserError);
  EXPECT_TRUE(elsewhere.requests().empty());
}

}  // namespace
}  // namespace unpact
