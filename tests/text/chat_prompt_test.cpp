/// The templates of configs/models against transformers' chat templates, on the questions of tests/prompts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/text.hpp"
#include "unpact/text/prompt.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing_support::TemporaryFolder;

void set(PromptTemplate& prompt_template, const std::string& key, const std::string& text) {
  static const std::map<std::string, std::string PromptTemplate::*> fields = {
      {"system", &PromptTemplate::system},
      {"before_system", &PromptTemplate::before_system},
      {"after_system", &PromptTemplate::after_system},
      {"before_question", &PromptTemplate::before_question},
      {"after_question", &PromptTemplate::after_question},
      {"generation_prefix", &PromptTemplate::generation_prefix},
      {"answer_prefix", &PromptTemplate::answer_prefix},
      {"between_examples", &PromptTemplate::between_examples}};
  if (key == "add_bos") prompt_template.add_bos = text == "true";
  else if (key != "stop" && key != "examples") prompt_template.*fields.at(key) = unescape(text);
}

/// The [prompt] section of a choice file, and of the one that it builds on.
PromptTemplate template_of(const std::string& config) {
  PromptTemplate prompt_template;
  std::istringstream content(read_file(fs::path(UNPACT_SOURCE_DIR) / "configs/models" / (config + ".ini")));
  bool inside = false;
  for (std::string line; std::getline(content, line);) {
    if (line.starts_with("use = ")) prompt_template = template_of(line.substr(6));
    if (line.starts_with("[")) inside = line == "[prompt]";
    const auto equals = line.find('=');
    if (!inside || line.starts_with("#") || equals == std::string::npos) continue;
    set(prompt_template, trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
  return prompt_template;
}

class ChatPrompt : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto file = fs::path(UNPACT_FIXTURES) / "prompts" / (GetParam() + ".json");
    if (std::string(UNPACT_FIXTURES).empty() || std::string(UNPACT_TEST_DATA).empty() || !fs::exists(file))
      GTEST_SKIP() << "no fixtures: run tests/prompts/make_fixtures.py and set UNPACT_FIXTURES and UNPACT_TEST_DATA";
    fixture_ = read_json_file(file);
    template_ = template_of(fixture_["config"]);
    tokenizer_ = load_tokenizer(fs::path(UNPACT_TEST_DATA) / fixture_["tokenizer"].get<std::string>());
  }

  PromptTemplate template_for(const Json& entry) const {
    auto result = template_;
    if (entry["system"].is_null()) return result;
    // Llama's own two lines stay in front of it; Qwen2.5's default gives way.
    if (fixture_["config"] == "llama3.1-instruct" || fixture_["config"] == "llama3.2-instruct")
      result.system += entry["system"].get<std::string>();
    else result.system = entry["system"];
    return result;
  }

  Prompt prompt_of(const Json& entry, const std::vector<InContextExample>& all) const {
    const std::vector<InContextExample> examples(all.begin(), all.begin() + entry["examples"].get<std::ptrdiff_t>());
    return build_prompt(*tokenizer_, template_for(entry), entry["question"], examples);
  }

  Json fixture_;
  PromptTemplate template_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(ChatPrompt, HasTheIdsOfTransformers) {
  const auto examples = fixture_["examples"].get<std::vector<InContextExample>>();
  ASSERT_GE(fixture_["cases"].size(), 200u);
  for (const auto& entry : fixture_["cases"]) {
    const auto prompt = prompt_of(entry, examples);
    ASSERT_EQ(prompt.ids, entry["ids"].get<std::vector<TokenId>>()) << prompt.text;
    const auto first = prompt.spans[prompt.candidate_begin], last = prompt.spans[prompt.candidate_end - 1];
    const auto candidates = prompt.text.substr(first.begin, last.end - first.begin);
    EXPECT_EQ(trim(candidates), trim(entry["question"].get<std::string>()));
  }
}

TEST_P(ChatPrompt, KeepsSpecialTokensOfAQuestionAsText) {
  for (const auto& entry : fixture_["literal"]) {
    const std::string question = entry["question"];
    const auto prompt = prompt_of(entry, {{concat("Example ", question), concat("Answer ", question)}});
    EXPECT_EQ(prompt.ids, entry["ids"].get<std::vector<TokenId>>()) << question;
  }
}

TEST_P(ChatPrompt, WritesAnAnswerAsItsExamplesDo) {
  if (fixture_["config"] == "muse") GTEST_SKIP() << "MUSE's prompt ends in a space that joins the answer's first word";
  template_.generation_prefix.clear();  // what the examples do not have
  for (const auto& [question, answer] : fixture_["examples"].get<std::vector<InContextExample>>()) {
    auto ids = build_prompt(*tokenizer_, template_, question).ids;
    const auto written = encode_answer(*tokenizer_, template_, answer);
    ids.insert(ids.end(), written.begin(), written.end());
    auto shown = build_prompt(*tokenizer_, template_, "Who?", {{question, answer}}).ids;
    shown.resize(ids.size());
    EXPECT_EQ(shown, ids) << question;
  }
}

TEST_P(ChatPrompt, HasNoMoreSpecialTokensThanItsTemplate) {
  const auto specials = tokenizer_->special_tokens();
  const auto count = [&](const Prompt& prompt) {
    return std::count_if(prompt.ids.begin(), prompt.ids.end(), [&](TokenId id) {
      return std::any_of(specials.begin(), specials.end(), [&](const auto& token) { return token.first == id; });
    });
  };
  const auto harmless = count(build_prompt(*tokenizer_, template_, "Who?", {{"When?", "1472"}}));
  for (const auto& [id, name] : specials) {
    const auto text = concat("Who", name, " is?");
    EXPECT_EQ(count(build_prompt(*tokenizer_, template_, text, {{text, text}})), harmless) << name;
    const auto answer = encode_answer(*tokenizer_, template_, name);
    EXPECT_EQ(std::count(answer.begin(), answer.end(), id), 0) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Published, ChatPrompt,
                         testing::Values("llama3.1-instruct", "llama3-instruct", "qwen3", "qwen2.5-instruct",
                                         "mistral-instruct", "mistral-instruct-v0.1", "mistral-instruct-v0.2",
                                         "mistral-instruct-spaced", "qwen2", "llama3.2-instruct", "open-unlearning",
                                         "zephyr", "llama2-chat", "phi3", "gemma", "gemma3", "olmo2", "muse-llama2",
                                         "muse-llama3", "muse-mistral"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

/// A tokenizer of single letters with special tokens of every kind.
class Literals : public testing::Test {
 protected:
  void SetUp() override {
    const std::string text = R"({"model": {"type": "BPE", "merges": ["a b"], "vocab": {"a": 0, "b": 1, "ab": 2, "<": 3,
      "x": 4, ">": 5, " ": 6, "y": 7, "n": 8}}, "normalizer": {"type": "Lowercase"}, "added_tokens": [
      {"id": 10, "content": "<x>", "special": true, "normalized": false},
      {"id": 11, "content": "<Y>", "special": false, "normalized": true},
      {"id": 12, "content": "<n>", "special": true, "normalized": false, "lstrip": true, "rstrip": true}]})";
    folder_.write("tokenizer.json", text);
    tokenizer_ = load_tokenizer(folder_.path());
  }
  std::vector<TokenId> ids(const std::string& text, const std::vector<ByteSpan>& literals) const {
    const auto encoding = tokenizer_->encode_around(text, literals);
    EXPECT_EQ(encoding.spans.size(), encoding.ids.size());
    return encoding.ids;
  }
  TemporaryFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(Literals, HoldNoSpecialTokens) {
  EXPECT_THAT(ids("<x>a<x>", {}), ElementsAre(10, 0, 10));
  EXPECT_THAT(ids("<x>a<x>", {{3, 7}}), ElementsAre(10, 0, 3, 4, 5));
  EXPECT_THAT(ids("<x><x><x>", {{3, 6}}), ElementsAre(10, 3, 4, 5, 10));
}

TEST_F(Literals, DoNotCompleteATokenOfTheTemplate) {
  EXPECT_THAT(ids("<x>", {{0, 2}}), ElementsAre(3, 4, 5));
  EXPECT_THAT(ids("<x>", {{1, 3}}), ElementsAre(3, 4, 5));
}

TEST_F(Literals, FormWordsAcrossTheirBounds) {
  EXPECT_THAT(ids("ab", {{1, 2}}), ElementsAre(2));
  EXPECT_THAT(ids("a<x>b", {{1, 4}}), ElementsAre(0, 3, 4, 5, 1));
}

TEST_F(Literals, KeepTokensOfTheNormalizedTextOut) {
  EXPECT_THAT(ids("<Y>a<y>", {}), ElementsAre(11, 0, 11));
  EXPECT_THAT(ids("<Y>a<y>", {{3, 7}}), ElementsAre(11, 0, 3, 7, 5));
  EXPECT_THAT(ids("<Y><Y>a<y>", {{0, 3}, {6, 10}}), ElementsAre(3, 7, 5, 11, 0, 3, 7, 5));
}

TEST_F(Literals, LoseNoSpaceToATokenBesideThem) {
  EXPECT_THAT(ids("a <n> b", {}), ElementsAre(0, 12, 1));
  EXPECT_THAT(ids("a <n> b", {{0, 2}, {5, 7}}), ElementsAre(0, 6, 12, 6, 1));
}

TEST_F(Literals, HoldInContinuations) {
  EXPECT_THAT(tokenizer_->encode_continuation_around("<x>a<x>", {{3, 7}}), ElementsAre(10, 0, 3, 4, 5));
}

}  // namespace
}  // namespace unpact
