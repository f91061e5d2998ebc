/// Tokenizers of tokenizer.json that need no fixtures: choice of file, continuations, spans, refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::covered;
using testing_support::message_of;
using testing_support::pieces_of;
using testing_support::TemporaryFolder;

/// Metaspace with a, b, ab and two added tokens.
Json small() {
  return {
      {"added_tokens", Json::array({{{"id", 8}, {"content", "<s>"}, {"special", true}},
                                    {{"id", 9}, {"content", "[T]"}, {"special", false}, {"normalized", false}}})},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}, {"split", true}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", Json::array({{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}}}}})}}},
      {"decoder", {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "?"},
        {"vocab", {{"?", 0}, {"\u2581", 1}, {"a", 2}, {"b", 3}, {"ab", 4}, {"\u2581ab", 5}}},
        {"merges", Json::array({"a b", Json::array({"\u2581", "ab"})})}}}};
}

std::unique_ptr<Tokenizer> load(const Json& json) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", json.dump());
  return load_tokenizer(folder.path());
}

std::string complaint(const Json& json) {
  return message_of<UserError>([&] { load(json); });
}

TEST(BpeTokenizer, ItsChecksumCoversTheFilesThatNameSpecialTokens) {
  const auto with = [](const std::string& config, const std::string& map = "{}") {
    const TemporaryFolder folder;
    folder.write("tokenizer.json", small().dump());
    folder.write("tokenizer_config.json", config);
    folder.write("special_tokens_map.json", map);
    return load_tokenizer(folder.path())->checksum();
  };
  const std::string plain = R"({"bos_token": "<s>", "eos_token": "[T]"})";
  const auto before = with(plain);
  EXPECT_EQ(with(R"({"eos_token": "[T]", "bos_token": "<s>", "chat_template": "{{ x }}", "model_max_length": 9})"), before)
      << "what nothing heeds";
  EXPECT_NE(with(R"({"bos_token": "<s>", "eos_token": "<s>"})"), before);
  EXPECT_NE(with(R"({"bos_token": "<s>"})"), before);
  EXPECT_NE(with(R"({"bos_token": "<s>"})", R"({"eos_token": "<s>"})"), before);
  EXPECT_NE(with(R"({"bos_token": "<s>", "eos_token": "[T]",
                     "added_tokens_decoder": {"11": {"content": "[U]", "special": true}}})"),
            before);
  auto other = small();
  other["added_tokens"][1]["lstrip"] = true;
  const TemporaryFolder folder;
  folder.write("tokenizer.json", other.dump());
  folder.write("tokenizer_config.json", plain);
  EXPECT_NE(load_tokenizer(folder.path())->checksum(), before);
}

TEST(BpeTokenizer, EncodesDecodesAndSaysWhatItIs) {
  const auto tokenizer = load(small());
  const auto encoding = tokenizer->encode("ab a[T]ab");
  EXPECT_THAT(encoding.ids, ElementsAre(5, 1, 2, 9, 5));
  EXPECT_THAT(covered("ab a[T]ab", encoding.spans), ElementsAre("ab", " ", "a", "[T]", "ab"));
  EXPECT_EQ(tokenizer->decode({8, 5, 1, 2, 9, 8}), "ab a[T]");
  EXPECT_THAT(tokenizer->encode_with_special("ab").ids, ElementsAre(8, 5));
  EXPECT_EQ(tokenizer->bos_id(), 8);
  EXPECT_EQ(tokenizer->vocabulary_size(), 10);
  EXPECT_EQ(tokenizer->decode({6, 7}), "") << "ids that belong to no token";
  EXPECT_THAT(message_of<UserError>([&] { tokenizer->decode({10}); }), HasSubstr("is unknown"));
  EXPECT_THAT(tokenizer->special_tokens(), ElementsAre(std::pair<TokenId, std::string>(8, "<s>")));
}

TEST(BpeTokenizer, ContinuationsHaveNoPrefix) {
  const auto tokenizer = load(small());
  EXPECT_THAT(tokenizer->encode_continuation("ab"), ElementsAre(4));
  EXPECT_THAT(tokenizer->encode_continuation(" ab"), ElementsAre(5));
  EXPECT_TRUE(tokenizer->encode_continuation("").empty());
  auto json = small();
  json["normalizer"] = {{"type", "Prepend"}, {"prepend", "\u2581"}};
  json["pre_tokenizer"] = nullptr;
  EXPECT_THAT(load(json)->encode("ab").ids, ElementsAre(5));
  EXPECT_THAT(load(json)->encode_continuation("ab"), ElementsAre(4));
}

TEST(BpeTokenizer, RefusesTextThatIsNotUtf8) {
  const auto tokenizer = load(small());
  for (const char* text : {"\xFF", "a\xC3", "\xED\xA0\x80"})
    EXPECT_THAT(message_of<UserError>([&] { tokenizer->encode(text); }), HasSubstr("not valid UTF-8"));
}

TEST(BpeTokenizer, ConfigurationNamesBosAndEos) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small().dump());
  folder.write("tokenizer_config.json", R"({"bos_token": null, "eos_token": {"content": "[T]"},
    "added_tokens_decoder": {"11": {"content": "<end>", "special": true}}})");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->eos_id(), 9);
  EXPECT_THAT(tokenizer->encode("<end>").ids, ElementsAre(11));
  EXPECT_EQ(tokenizer->files().size(), 2u);
}

/// As transformers 5.23 does: by key first, then the additional ones; one that the vocabulary has keeps its id.
TEST(BpeTokenizer, SpecialTokensThatOnlyTheConfigurationNamesAreFound) {
  const TemporaryFolder folder;
  auto json = small();
  json["added_tokens"][0]["id"] = 6;
  json["added_tokens"][1]["id"] = 7;
  folder.write("tokenizer.json", json.dump());
  folder.write("tokenizer_config.json",
               R"({"additional_special_tokens": ["a", "[Q]"], "eos_token": "[T]", "pad_token": "[P]"})");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_THAT(tokenizer->encode("[Q]a[P]b[T]").ids, ElementsAre(9, 2, 8, 1, 3, 7));
  EXPECT_EQ(tokenizer->vocabulary_size(), 10);
}

TEST(BpeTokenizer, NamesOtherKinds) {
  for (const char* kind : {"Unigram", "WordPiece", "WordLevel"}) {
    auto json = small();
    json["model"]["type"] = kind;
    EXPECT_THAT(complaint(json), HasSubstr(kind));
  }
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    auto json = small();
    json[part] = {{"type", "Strange"}};
    EXPECT_THAT(complaint(json), HasSubstr("Strange"));
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    auto json = small();
    json["model"][key] = "##";
    EXPECT_THAT(complaint(json), HasSubstr(key));
    json["model"][key] = "";
    EXPECT_EQ(complaint(json), "nothing was thrown");
  }
  auto json = small();
  json["model"]["dropout"] = 0.1;
  EXPECT_THAT(complaint(json), HasSubstr("at random"));
}

TEST(BpeTokenizer, RefusesBrokenVocabularies) {
  const auto with = [](const char* piece, const Json& id) {
    auto json = small();
    json["model"]["vocab"][piece] = id;
    return complaint(json);
  };
  EXPECT_THAT(with("c", 4), HasSubstr("two pieces"));
  EXPECT_THAT(with("c", -1), HasSubstr("id -1"));
  EXPECT_THAT(with("c", 1LL << 40), HasSubstr("has the id"));
  EXPECT_THAT(with("c", 1LL << 20), HasSubstr("has the id"));  // far beyond the number of pieces
  EXPECT_THAT(with("c", "x"), HasSubstr("'c' is no integer"));
  EXPECT_THAT(with("", 6), HasSubstr("0 bytes"));
  EXPECT_THAT(with("c", 8), HasSubstr("disagree about id 8"));
  const auto merge = [](const Json& entry) {
    auto json = small();
    json["model"]["merges"].push_back(entry);
    return complaint(json);
  };
  EXPECT_THAT(merge("a z"), HasSubstr("unknown piece"));
  EXPECT_THAT(merge("b a"), HasSubstr("unknown piece"));
  EXPECT_THAT(merge("a"), HasSubstr("not two pieces"));
  EXPECT_THAT(merge(Json::array({"a", "b", "a"})), HasSubstr("more than two pieces"));
  EXPECT_THAT(merge(Json::array({"a"})), HasSubstr("not two pieces"));
  EXPECT_THAT(merge(7), HasSubstr("no pair of strings"));
}

TEST(BpeTokenizer, RefusesBrokenFiles) {
  const auto text = [](const std::string& content) {
    const TemporaryFolder folder;
    folder.write("tokenizer.json", content);
    return message_of<UserError>([&] { load_tokenizer(folder.path()); });
  };
  const auto good = small().dump();
  EXPECT_THAT(text(good.substr(0, good.size() / 2)), HasSubstr("check that the file is complete"));
  EXPECT_THAT(text(std::string(100, '[')), AllOf(HasSubstr("tokenizer.json"), HasSubstr("deep")));
  EXPECT_THAT(text(R"({"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}})"), HasSubstr("twice"));
  EXPECT_THAT(text("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(text("\xFF"), HasSubstr("tokenizer.json"));
  auto json = small();
  json["added_tokens"].push_back({{"id", 8}, {"content", "x"}});
  EXPECT_THAT(complaint(json), HasSubstr("appears twice"));
}

Json with_pattern(const std::string& pattern) {
  auto json = small();
  json["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  return json;
}

TEST(BpeTokenizer, RefusesPatternsThatItCannotFollow) {
  for (const char* pattern : {"(", "[a&&b]", "[a[b]]", "a{1,3}+", "(?m:a.b)", "(*UCP)a", "\\Ka", "\\Qa", "\\p{Nonsense}"})
    EXPECT_THAT(complaint(with_pattern(pattern)), HasSubstr("regular expression")) << pattern;
  const auto tokenizer = load(with_pattern("(a+)+$x|b"));
  EXPECT_THAT(message_of<UserError>([&] { tokenizer->encode(std::string(60, 'a') + "b"); }), HasSubstr("cannot be matched"));
}

/// Steps that each make ten characters of one.
Json growing(const char* list) {
  const Json step = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(10, 'a')}};
  Json steps = {{"type", "Sequence"}};
  steps[list] = Json(12, step);
  return steps;
}

TEST(BpeTokenizer, RefusesToGrowATextWithoutBounds) {
  auto json = small();
  json["normalizer"] = growing("normalizers");
  EXPECT_THAT(message_of<UserError>([&] { load(json)->encode("a"); }), HasSubstr("make it longer than"));
  EXPECT_NO_THROW(load(json)->encode("b"));
  json = small();
  json["decoder"] = growing("decoders");
  const auto tokenizer = load(json);
  EXPECT_THAT(message_of<UserError>([&] { tokenizer->decode(tokenizer->encode("a").ids); }),
              HasSubstr("make it longer than"));
}

TEST(BpeTokenizer, RefusesMoreStepsThanAnyTokenizerHas) {
  auto json = small();
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json(65, Json{{"type", "NFC"}})}};
  EXPECT_THAT(complaint(json), HasSubstr("more than 64 normalizers"));
}

TEST(LoadTokenizer, PrefersTheModelUnlessTheJsonKnowsMore) {
  const TemporaryFolder folder;
  for (const auto& file : testing_support::trained_tokenizer().files())
    std::filesystem::copy(file, folder.path() / file.filename());
  folder.write("tokenizer.json", small().dump());
  EXPECT_THAT(load_tokenizer(folder.path())->kind(), HasSubstr("tokenizer.json")) << "it knows [T]";
  auto json = small();
  json["added_tokens"].erase(1);
  folder.write("tokenizer.json", json.dump());
  EXPECT_EQ(load_tokenizer(folder.path())->kind(), "SentencePiece");
  folder.write("tokenizer.json", R"({"model": {"type": "Unigram", "vocab": []}})");
  EXPECT_EQ(load_tokenizer(folder.path())->kind(), "SentencePiece");
}

}  // namespace
}  // namespace unpact
