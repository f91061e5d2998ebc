#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "endpoint/whole_message.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "src/endpoint/protocol.hpp"
#include "src/endpoint/reply.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::whole_refusal;

const std::vector<ScoredIds> kTwo = {{{5, 6, 7, 8}, 2}, {{5, 7, 8}, 1}};

Json vllm_reply() {
  return Json::parse(R"({"choices": [
    {"index": 0, "prompt_token_ids": [5, 6, 7, 8], "prompt_logprobs": [null, {"6": {"logprob": -0.5, "rank": 1}},
      {"7": {"logprob": -1.25, "rank": 3}}, {"8": {"logprob": -2.5, "rank": 1}, "9": {"logprob": -3, "rank": 2}}]},
    {"index": 1, "prompt_token_ids": [5, 7, 8], "prompt_logprobs": [null, {"7": {"logprob": -4}}, {"8": {"logprob": -0.125}}]}]})");
}

TEST(Vllm, AsksForThePromptsOwnIdsAlone) {
  const auto request = make_vllm()->score("llama", kTwo);
  const auto body = Json::parse(request.body);
  EXPECT_EQ(request.path, "/v1/completions");
  EXPECT_EQ(body["model"], "llama");
  EXPECT_EQ(body["prompt"], Json::parse("[[5,6,7,8],[5,7,8]]"));
  EXPECT_EQ(body["prompt_logprobs"], 0);
  EXPECT_EQ(body["add_special_tokens"], false);
  EXPECT_EQ(body["return_token_ids"], true);
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["repetition_penalty"], 1.0);
}

TEST(Vllm, ReadsTheLastTokens) {
  const auto scores = make_vllm()->read_scores(vllm_reply(), kTwo);
  ASSERT_EQ(scores.size(), 2U);
  EXPECT_THAT(scores[0].log_probabilities, ElementsAre(-1.25F, -2.5F));
  EXPECT_THAT(scores[0].is_likeliest, ElementsAre(0, 1));
  EXPECT_THAT(scores[1].log_probabilities, ElementsAre(-0.125F));
  EXPECT_THAT(scores[1].is_likeliest, IsEmpty());  // nobody said
}

TEST(Vllm, ChoicesMayComeInAnyOrder) {
  auto reply = vllm_reply();
  std::swap(reply["choices"][0], reply["choices"][1]);
  EXPECT_THAT(make_vllm()->read_scores(reply, kTwo)[1].log_probabilities, ElementsAre(-0.125F));
}

TEST(Vllm, RefusesWhatIsNotAboutTheSentIds) {
  const auto refused = [](const std::function<void(Json&)>& change) {
    auto reply = vllm_reply();
    change(reply);
    return whole_refusal([&] { make_vllm()->read_scores(reply, kTwo); });
  };
  auto first = [](Json& reply) -> Json& { return reply["choices"][0]; };
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_token_ids"] = {1, 5, 6, 7, 8}; }), HasSubstr("at 0 it has 1 for 5"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["index"] = 1; }), HasSubstr("numbered wrongly"));
  EXPECT_THAT(refused([&](Json& r) {
                first(r)["prompt_logprobs"][2] = {{"17", {{"logprob", -1}}}};
              }),
              HasSubstr("lacks the token id 7"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_logprobs"][3] = nullptr; }), HasSubstr("is null"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_logprobs"] = nullptr; }), HasSubstr("no prompt_logprobs"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_logprobs"].erase(0); }), HasSubstr("3 entries for 4"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_logprobs"][3]["8"]["logprob"] = -9999.0; }), HasSubstr("-9999"));
  EXPECT_THAT(refused([&](Json& r) { first(r)["prompt_logprobs"][3]["8"]["logprob"] = 0.5; }), HasSubstr("0.5"));
  EXPECT_THAT(refused([&](Json& r) { r["choices"].erase(1); }), HasSubstr("1 choices for 2"));
  EXPECT_THAT(refused([&](Json& r) { r = Json::array(); }), HasSubstr("no list 'choices'"));
}

TEST(Vllm, ReadsAnswersAndEncodings) {
  const auto protocol = make_vllm();
  const std::vector<RemotePrompt> prompts = {{{5, 6}, 77}};
  const auto sampled = Json::parse(protocol->answer("m", prompts, {9, true, 0.7, 0.9}, {2}).body);
  EXPECT_EQ(sampled["seed"], 77);
  EXPECT_EQ(sampled["max_tokens"], 9);
  EXPECT_EQ(sampled["temperature"], 0.7);
  EXPECT_EQ(sampled["stop_token_ids"], Json::parse("[2]"));
  EXPECT_EQ(Json::parse(protocol->answer("m", prompts, {}, {2}).body)["temperature"], 0);
  const auto reply = Json::parse(R"({"choices": [{"index": 0, "token_ids": [7, 8, 2], "prompt_token_ids": [1, 9]}]})");
  EXPECT_THAT(protocol->read_answers(reply, 1).front(), ElementsAre(7, 8, 2));
  EXPECT_THAT(protocol->read_encoding(reply).value(), ElementsAre(1, 9));
  EXPECT_THAT(whole_refusal([&] { protocol->read_answers(Json::parse(R"({"choices": [{"text": "a"}]})"), 1); }),
              HasSubstr("token_ids"));
}

Json sglang_reply() {
  return Json::parse(R"([
    {"meta_info": {"input_token_logprobs": [[null, 6, null], [-1.25, 7, null], [-2.5, 8, null]],
                   "input_top_logprobs": [null, [[-0.5, 9, null]], [[-2.5, 8, null]]]}},
    {"meta_info": {"input_token_logprobs": [[null, 7, null], [-0.125, 8, null]]}}])");
}

TEST(Sglang, AsksFromOneTokenInFrontOfTheScoredOnes) {
  const auto request = make_sglang()->score("unused", kTwo);
  const auto body = Json::parse(request.body);
  EXPECT_EQ(request.path, "/generate");
  EXPECT_EQ(body["input_ids"], Json::parse("[[5,6,7,8],[5,7,8]]"));
  EXPECT_EQ(body["logprob_start_len"], Json::parse("[1,1]"));
  EXPECT_EQ(body["return_logprob"], true);
}

TEST(Sglang, ReadsTheLastTokens) {
  const auto scores = make_sglang()->read_scores(sglang_reply(), kTwo);
  EXPECT_THAT(scores[0].log_probabilities, ElementsAre(-1.25F, -2.5F));
  EXPECT_THAT(scores[0].is_likeliest, ElementsAre(0, 1));
  EXPECT_THAT(scores[1].log_probabilities, ElementsAre(-0.125F));
  EXPECT_THAT(scores[1].is_likeliest, IsEmpty());
}

TEST(Sglang, RefusesResultsInAnotherOrderAndNulls) {
  auto reply = sglang_reply();
  std::swap(reply[0], reply[1]);
  EXPECT_THAT(whole_refusal([&] { make_sglang()->read_scores(reply, {kTwo.data(), 2}); }), HasSubstr("null"));
  auto mixed = sglang_reply();
  mixed[0]["meta_info"]["input_token_logprobs"][1][1] = 9;
  EXPECT_THAT(whole_refusal([&] { make_sglang()->read_scores(mixed, kTwo); }), HasSubstr("at 0 it has 9 for 7"));
  auto none = sglang_reply();
  none[1]["meta_info"].erase("input_token_logprobs");
  EXPECT_THAT(whole_refusal([&] { make_sglang()->read_scores(none, kTwo); }), HasSubstr("no input_token_logprobs"));
  EXPECT_THAT(whole_refusal([&] { make_sglang()->read_scores(Json::array(), kTwo); }), HasSubstr("0 results for 2"));
}

TEST(Sglang, ReadsAnswersAndEncodings) {
  const auto reply = Json::parse(
      R"({"meta_info": {"output_token_logprobs": [[-1, 7, "a"], [-2, 2, null]], "input_token_logprobs": [[null, 1, null], [-1, 9, null]]}})");
  EXPECT_THAT(make_sglang()->read_answers(reply, 1).front(), ElementsAre(7, 2));
  EXPECT_THAT(make_sglang()->read_encoding(reply).value(), ElementsAre(1, 9));
}

Json echo_reply() {
  return Json::parse(R"({"usage": {"prompt_tokens": 4}, "choices": [
    {"index": 0, "logprobs": {"tokens": ["token_id:5", "token_id:6", "token_id:7", "token_id:8", "token_id:3"],
      "token_logprobs": [null, -0.5, -1.25, -2.5, -0.1],
      "top_logprobs": [null, {"a": -0.5}, {"b": -0.25, "c": -1.25}, {"d": -2.5}, {"e": -0.1}]}},
    {"index": 1, "logprobs": {"tokens": ["token_id:5", "token_id:7", "token_id:8", "token_id:3"],
      "token_logprobs": [null, -4, -0.125, -0.1]}}]})");
}

TEST(OpenAiEcho, ReadsThePromptAndNotWhatFollows) {
  const auto body = Json::parse(make_openai_echo()->score("m", kTwo).body);
  EXPECT_EQ(body["echo"], true);
  EXPECT_EQ(body["logprobs"], 1);
  const auto scores = make_openai_echo()->read_scores(echo_reply(), kTwo);
  EXPECT_THAT(scores[0].log_probabilities, ElementsAre(-1.25F, -2.5F));
  EXPECT_THAT(scores[0].is_likeliest, ElementsAre(0, 1));
  EXPECT_THAT(scores[1].log_probabilities, ElementsAre(-0.125F));
  EXPECT_THAT(scores[1].is_likeliest, IsEmpty());
}

TEST(OpenAiEcho, RefusesTextsForIdsAndAnswersAlone) {
  auto texts = echo_reply();
  texts["choices"][0]["logprobs"]["tokens"][1] = " the";
  EXPECT_THAT(whole_refusal([&] { make_openai_echo()->read_scores(texts, kTwo); }), HasSubstr("tokens are texts"));
  auto alone = echo_reply();
  alone["choices"][0]["logprobs"] = Json::parse(R"({"tokens": ["token_id:3"], "token_logprobs": [-0.1]})");
  EXPECT_THAT(whole_refusal([&] { make_openai_echo()->read_scores(alone, kTwo); }),
              AllOf(HasSubstr("1 tokens for 4"), HasSubstr("echo")));
  auto none = echo_reply();
  none["choices"][0]["logprobs"] = nullptr;
  EXPECT_THAT(whole_refusal([&] { make_openai_echo()->read_scores(none, kTwo); }), HasSubstr("no log-probabilities"));
}

TEST(OpenAiEcho, AnEncodingHasThePromptsTokens) {
  auto reply = echo_reply();
  reply["choices"].erase(1);
  EXPECT_THAT(make_openai_echo()->read_encoding(reply).value(), ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(make_openai_echo()->read_answers(reply, 1).front(), ElementsAre(5, 6, 7, 8, 3));
}

std::vector<TokenId> bytes(const std::string& text) { return testing_support::ByteTokenizer().encode(text).ids; }

/// "Q: a\nA: bc" with BOS, of which " bc" is scored: three tokens of the tokenizer here.
std::vector<ScoredIds> text_sequence() {
  auto ids = bytes("Q: a\nA: bc");
  ids.insert(ids.begin(), 1);
  return {{std::move(ids), 3}};
}

Json text_reply(const char* tokens, const char* offsets, const char* values, const char* tops = "null") {
  auto reply = Json::parse(
      R"({"usage": {"prompt_tokens": 5, "completion_tokens": 1}, "choices": [{"index": 0, "text": "Q: a\nA: bc!"}]})");
  reply["choices"][0]["logprobs"] = {{"tokens", Json::parse(tokens)},
                                     {"text_offset", Json::parse(offsets)},
                                     {"token_logprobs", Json::parse(values)},
                                     {"top_logprobs", Json::parse(tops)}};
  return reply;
}

class OpenAiText : public testing::Test {
 protected:
  std::vector<float> read(const Json& reply) const { return protocol_->read_scores(reply, asked_)[0].log_probabilities; }
  testing_support::ByteTokenizer tokenizer_;
  const std::unique_ptr<const Protocol> protocol_ = make_openai_text(tokenizer_);
  const std::vector<ScoredIds> asked_ = text_sequence();
};

TEST_F(OpenAiText, SendsOneTextWithoutItsBos) {
  const auto body = Json::parse(protocol_->score("m", asked_).body);
  EXPECT_EQ(body["prompt"], "Q: a\nA: bc");
  EXPECT_EQ(body["echo"], true);
  EXPECT_EQ(body["max_tokens"], 1);
  EXPECT_FALSE(body.contains("return_tokens_as_token_ids"));
  const std::vector<RemotePrompt> prompts = {{bytes("Q: a\nA:"), 77}};
  const auto sampled = Json::parse(protocol_->answer("m", prompts, {9, true, 0.7, 0.9}, {2}).body);
  EXPECT_EQ(sampled["prompt"], "Q: a\nA:");
  EXPECT_EQ(sampled["seed"], 77);
  EXPECT_THAT(protocol_->read_answers(Json::parse(R"({"choices": [{"text": " bc"}]})"), 1).front(),
              testing::ElementsAreArray(bytes(" bc")));
  EXPECT_EQ(protocol_->read_count(Json::parse(R"({"usage": {"prompt_tokens": 12}})")), 12U);
}

TEST_F(OpenAiText, TokensThatAreThoseHereAreReadOneByOne) {
  const auto reply =
      text_reply(R"(["Q: a", "\nA:", " ", "b", "c", "!"])", "[0, 4, 7, 8, 9, 10]", "[null, -4, -0.5, -1, -2, -9]",
                 R"([null, {"\n": -4}, {" ": -0.5}, {"x": -0.25}, {"c": -2}, null])");
  EXPECT_THAT(read(reply), ElementsAre(-0.5F, -1.F, -2.F));
  EXPECT_THAT(protocol_->read_scores(reply, asked_)[0].is_likeliest, ElementsAre(1, 0, 1));
  // A server that shows BOS and loses spaces (vLLM with SentencePiece): its offsets count neither alike.
  EXPECT_THAT(read(text_reply(R"(["<s>", "Q:", "a", "\nA:", "", "b", "c", "!"])", "[0, 3, 5, 6, 9, 9, 10, 11]",
                              "[null, -3, -4, -5, -0.5, -1, -2, -9]")),
              ElementsAre(-0.5F, -1.F, -2.F));
}

TEST_F(OpenAiText, TokensThatAreCutOtherwiseCountWhereTheyBegin) {
  EXPECT_THAT(read(text_reply(R"(["Q: a\nA:", " b", "c", "!"])", "[0, 7, 9, 10]", "[null, -1, -2, -9]")),
              ElementsAre(-1.F, 0.F, -2.F));
  EXPECT_THAT(read(text_reply(R"(["Q: a", "\nA: b", "c", "!"])", "[0, 4, 9, 10]", "[null, -1, -2, -9]")),
              ElementsAre(-1.F, 0.F, -2.F))
      << "one token reaches from the prompt into the answer";
  EXPECT_THAT(read(text_reply(R"(["<s>", "Q: a\nA:", " bc", "!"])", "[0, 3, 10, 13]", "[null, -3, -1.5, -9]")),
              ElementsAre(-1.5F, 0.F, 0.F))
      << "counted from the end";
}

TEST_F(OpenAiText, RefusesOffsetsThatDoNotFitAndWhatHasNoLogProbabilities) {
  const auto refused = [&](const Json& reply) { return whole_refusal([&] { read(reply); }); };
  EXPECT_THAT(refused(text_reply(R"(["Q: a", "\nA:", " b", "c", "!"])", "[0, 0, 0, 0, 0]", "[null, -1, -1, -2, -9]")),
              HasSubstr("do not fit"));
  EXPECT_THAT(refused(text_reply(R"(["Q", "c", "!"])", "[4, 0, 1]", "[null, -2, -9]")), HasSubstr("ascend"));
  EXPECT_THAT(refused(text_reply(R"(["!"])", "[10]", "[-9]")), HasSubstr("what it wrote alone"));
  EXPECT_THAT(refused(text_reply(R"(["Q: a\nA:", " bc", "!"])", "[0, 7]", "[null, -2, -9]")), HasSubstr("equally long"));
  auto none = text_reply("[]", "[]", "[]");
  none["choices"][0]["logprobs"] = nullptr;
  EXPECT_THAT(refused(none), AllOf(HasSubstr("no log-probabilities"), HasSubstr("logits_all")));
}

TEST(Reply, AWebPageIsCalledThat) {
  EXPECT_THAT(whole_refusal([] { reply::parse("\n<!doctype html><p>hello", "http://h:80/v1/models"); }),
              AllOf(HasSubstr("http://h:80/v1/models answers with a web page"), HasSubstr("port")));
  EXPECT_THAT(whole_refusal([] { reply::parse("{\"a\": NaN}", "http://h"); }), HasSubstr("the answer of http://h"));
}

TEST(Reply, TokenIdsOfTexts) {
  EXPECT_EQ(reply::id_of_text(Json("token_id:17")), 17);
  for (const char* bad : {"17", "token_id:", "token_id:-1", "token_id:1x", "token_id:99999999999999999999"})
    EXPECT_EQ(reply::id_of_text(Json(bad)), std::nullopt) << bad;
}

}  // namespace
}  // namespace unpact
