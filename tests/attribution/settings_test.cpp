/// What methods heed, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "attribution/made_methods.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::make;
using testing_support::message_of;
using testing_support::tiny_transformer;
using testing_support::with_baseline;

TEST(MethodSettings, AreChecked) {
  const auto refusal = [](const std::string& method, const auto& change) {
    AttributionSettings settings;
    change(settings);
    return message_of<UserError>([&] { check_attribution_settings(method, settings); });
  };
  const auto nothing = [](AttributionSettings&) {};
  for (const auto& name : attribution_methods()) EXPECT_NO_THROW(check_attribution_settings(name, {}));
  EXPECT_THAT(refusal("gradients", nothing), AllOf(HasSubstr("attribution.method"), HasSubstr("integrated_gradients")));
  EXPECT_THAT(refusal("baseline", [](auto& s) { s.baseline = "zero"; }), HasSubstr("attribution.baseline"));
  EXPECT_NO_THROW(check_attribution_settings("integrated_gradients", with_baseline("zero")));
  for (const char* text : {"-1", "", "one", "1x"})
    EXPECT_THAT(refusal("baseline", [&](auto& s) { s.baseline = text; }), HasSubstr("attribution.baseline"));
  EXPECT_THAT(refusal("shapley", [](auto& s) { s.permutations = 3; }), HasSubstr("even"));
  EXPECT_THAT(refusal("shapley", [](auto& s) { s.permutations = 0; }), HasSubstr("attribution.permutations"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.samples = 1; }), HasSubstr("attribution.samples"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.keep_probability = 1; }), HasSubstr("attribution.keep_probability"));
  EXPECT_THAT(refusal("lime", [](auto& s) { s.penalty = std::nan(""); }), HasSubstr("attribution.penalty"));
  EXPECT_THAT(refusal("integrated_gradients", [](auto& s) { s.steps = 0; }), HasSubstr("attribution.steps"));
  EXPECT_THAT(refusal("leave_one_out", [](auto& s) { s.verify = -1; }), HasSubstr("attribution.verify"));
  EXPECT_THAT(refusal("rollout", [](auto& s) { s.token_budget = -1; }), HasSubstr("attribution.token_budget"));
}

TEST(MethodSettings, ThatAMethodDoesNotHeedAreRefused) {
  using Change = void (*)(AttributionSettings&);
  const std::vector<std::pair<std::string, Change>> changes = {
      {"engine", [](auto& s) { s.engine = EngineKind::reference; }},
      {"unit", [](auto& s) { s.unit = RemovalUnit::word; }},
      {"verify", [](auto& s) { s.verify = 3; }},
      {"baseline", [](auto& s) { s.baseline = std::string("7"); }},
      {"steps", [](auto& s) { s.steps = 12; }},
      {"permutations", [](auto& s) { s.permutations = 8; }},
      {"samples", [](auto& s) { s.samples = 16; }},
      {"keep_probability", [](auto& s) { s.keep_probability = 0.4; }},
      {"surrogate", [](auto& s) { s.surrogate = Surrogate::ridge; }},
      {"penalty", [](auto& s) { s.penalty = 0.02; }},
      {"keep_sentences", [](auto& s) { s.keep_sentences = 3; }},
      {"keep_words", [](auto& s) { s.keep_words = 9; }}};
  for (const auto& method : attribution_methods()) {
    const auto& heeded = facts_of(method).settings;
    for (const auto& [name, change] : changes) {
      AttributionSettings settings;
      change(settings);
      if (std::find(heeded.begin(), heeded.end(), name) != heeded.end()) {
        EXPECT_NO_THROW(check_attribution_settings(method, settings)) << method << " " << name;
      } else {
        EXPECT_THAT(message_of<UserError>([&] { check_attribution_settings(method, settings); }),
                    AllOf(HasSubstr(concat("attribution.", name)), HasSubstr(concat(method, " does not heed it")),
                          HasSubstr("leave it at")));
      }
    }
    for (const auto& name : heeded)
      EXPECT_TRUE(std::any_of(changes.begin(), changes.end(), [&](const auto& c) { return c.first == name; }))
          << name << " is no setting";
  }
}

TEST(MethodSettings, AreToldAsFarAsTheyAreHeeded) {
  const testing_support::ByteTokenizer tokenizer;
  using Told = std::map<std::string, std::string>;
  EXPECT_EQ(used_settings("leave_one_out", {}, tokenizer), (Told{{"engine", "shared_prefix"}}));
  AttributionSettings words;
  words.unit = RemovalUnit::word;
  words.verify = 2;
  EXPECT_EQ(used_settings("leave_one_out", words, tokenizer), (Told{{"engine", "shared_prefix"}, {"unit", "word"}}));
  EXPECT_EQ(used_settings("integrated_gradients", with_baseline("zero"), tokenizer),
            (Told{{"baseline", "zero"}, {"steps", "50"}}));
  EXPECT_EQ(used_settings("baseline", {}, tokenizer), (Told{{"baseline", std::to_string(default_baseline_id(tokenizer))}}));
  EXPECT_EQ(used_settings("lime", {}, tokenizer),
            (Told{{"samples", "64"}, {"keep_probability", "0.5"}, {"surrogate", "lasso"}, {"penalty", "0.01"}}));
  EXPECT_EQ(used_settings("rollout", {}, tokenizer), Told());
  EXPECT_EQ(unit_of("rollout"), "1");
  EXPECT_EQ(unit_of("shapley"), "nat/token");
}

TEST(Baseline, OutsideTheVocabularyIsRefused) {
  for (const std::string name : {"baseline", "integrated_gradients"})
    EXPECT_THAT(message_of<UserError>([&] {
                  make(name, with_baseline("61"))->run(tiny_transformer(1), {{1, 2, 3}, 1, 3, {4}}, 0);
                }),
                AllOf(HasSubstr("attribution.baseline"), HasSubstr("61")));
}

}  // namespace
}  // namespace unpact
