// Words taken out of the text: held against prompts that are built from the shorter questions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attribution/made_methods.hpp"
#include "core/temporary_folder.hpp"
#include "support/local_remote.hpp"
#include "support/parity.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::kRounding;
using testing_support::message_of;

const std::string kQuestion = "Who, in town,  wrote it?";

/// A tokenizer that cuts pairs: what stands behind a removed word is cut otherwise.
class PairTokenizer : public testing_support::ByteTokenizer {
 public:
  Encoding encode(std::string_view text) const override {
    Encoding encoding;
    for (std::size_t i = 0; i < text.size(); i += 2) {
      const auto first = static_cast<unsigned char>(text[i]),
                 second = static_cast<unsigned char>(text[i + (i + 1 < text.size())]);
      encoding.ids.push_back(3 + (first * 31 + second) % 250);
      encoding.spans.push_back({i, std::min(i + 2, text.size())});
    }
    return encoding;
  }
};

template <class SomeTokenizer>
class WordRemoval : public testing::Test {
 protected:
  WordRemoval() : model_(testing_support::tiny_language_model(5).transformer) {
    prompt_template_.before_question = "Ask:  ";  // of even length: no pair holds text of both
    prompt_ = build_prompt(tokenizer_, prompt_template_, kQuestion);
    task_ = task_of(prompt_, {9, 8, 7});
  }
  std::unique_ptr<AttributionMethod> method(std::size_t budget = 4096) const {
    AttributionSettings settings;
    settings.token_budget = static_cast<std::int64_t>(budget);
    return make_attribution_method("word_removal", settings, 1, tokenizer_);
  }
  double score_of(const std::string& question) const {
    auto ids = build_prompt(tokenizer_, prompt_template_, question).ids;
    return mean_log_probability(score_answers(model_, {{ids, task_.answer}}).front());
  }

  SomeTokenizer tokenizer_;
  PromptTemplate prompt_template_;
  Prompt prompt_;
  AttributionTask task_;
  Transformer model_;
};

using Bytes = WordRemoval<testing_support::ByteTokenizer>;
using Pairs = WordRemoval<PairTokenizer>;

TEST_F(Bytes, EveryTokenOfAWordHasTheContributionOfTheTextWithoutIt) {
  const double base = score_of(kQuestion);
  const std::vector<std::pair<std::string, std::string>> shorter = {{"Who,", "in town,  wrote it?"},
                                                                    {"in", "Who, town,  wrote it?"},
                                                                    {"town,", "Who, in  wrote it?"},
                                                                    {"wrote", "Who, in town, it?"},
                                                                    {"it?", "Who, in town,  wrote"}};
  for (const std::size_t budget : {1, 4096}) {
    const auto result = method(budget)->run(model_, task_, 0);
    ASSERT_EQ(result.values.size(), task_.candidates());
    EXPECT_NEAR(result.mean_log_probability, base, kRounding);
    EXPECT_TRUE(result.log_probabilities.empty() && result.standard_errors.empty());
    for (const auto& [word, question] : shorter) {
      const double expected = base - score_of(question);
      EXPECT_GT(std::abs(expected), 1e-4) << word;
      for (std::size_t i = 0; i < word.size(); ++i)
        EXPECT_NEAR(result.values[kQuestion.find(word) + i], expected, kRounding) << word << " token " << i;
    }
  }
}

TEST_F(Pairs, WhatStandsBehindAWordIsCutAnew) {
  const double base = score_of(kQuestion);
  const auto result = method()->run(model_, task_, 0);
  const auto unit = TokenSpan{task_.word_bounds[0], task_.word_bounds[1]};  // "Who," of two pairs
  ASSERT_EQ(prompt_.spans[unit.end - 1].end - prompt_.spans[unit.begin].begin, 4U);
  EXPECT_NEAR(result.values[0], base - score_of("in town,  wrote it?"), kRounding);
  const auto by_ids = ReferenceEngine().open(model_)->run([&] {
    AttributionRequest request;
    request.prompt = task_.prompt;
    request.removals = {unit};
    request.answers = {task_.answer};
    return request;
  }());
  EXPECT_GT(std::abs(by_ids.front().contributions().front() - result.values[0]), 1e-4) << "another measure than ids";
}

TEST_F(Bytes, AnotherModelThatTakesTextAloneIsAskedByNoOtherMethod) {
  class TextAlone : public testing_support::LocalRemote {
   public:
    using LocalRemote::LocalRemote;
    bool takes_text_only() const override { return true; }
  };
  const auto there = remote_transformer(model_.config(), std::make_shared<TextAlone>(model_));
  const auto expected = method()->run(model_, task_, 0), actual = method()->run(there, task_, 0);
  for (std::size_t i = 0; i < expected.values.size(); ++i) EXPECT_NEAR(actual.values[i], expected.values[i], kRounding);
  for (const auto& name : testing_support::methods_of_ids()) {
    if (!facts_of(name).takes_remote) continue;
    const auto other = make_attribution_method(name, testing_support::small_settings(name), 1, tokenizer_);
    EXPECT_THAT(message_of<UserError>([&] { other->check_model(there); }),
                AllOf(HasSubstr(name), HasSubstr("takes text alone"), HasSubstr("word_removal")));
  }
}

TEST_F(Bytes, NoiseIsThatOfBatches) {
  EXPECT_LT(measure_noise_floor(*method(), model_, task_), kRounding);
  std::shared_ptr<testing_support::LocalRemote> remote;
  const auto there = testing_support::remote_copy(model_, &remote);
  EXPECT_EQ(measure_noise_floor(*method(), there, task_), 0);
  remote->noise = 0.003;  // of each sequence of a call, in one of three answer tokens; calls of 1, 4 and 8
  EXPECT_NEAR(measure_noise_floor(*method(), there, task_), 0.003 * 7 / 3, 1e-6);
}

TEST_F(Bytes, SaysWhatItRemoves) {
  EXPECT_THAT(text_removed_by("word_removal"), HasSubstr("not the removal of token ids"));
  EXPECT_EQ(text_removed_by("leave_one_out"), "");
  EXPECT_EQ(used_settings("word_removal", {}, tokenizer_).at("removes"), text_removed_by("word_removal"));
}

TEST_F(Bytes, APromptOfOtherTokensThanItsTextIsRefused) {
  task_.prompt[3] = 200;
  EXPECT_THAT(message_of<UserError>([&] { method()->run(model_, task_, 0); }),
              AllOf(HasSubstr("anew"), HasSubstr("special tokens")));
}

}  // namespace
}  // namespace unpact
