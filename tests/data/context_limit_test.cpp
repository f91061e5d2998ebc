#include "unpact/data/context_limit.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

/// Loss on the last `targets` tokens.
Example long_example(std::size_t tokens, std::size_t targets, const std::string& source) {
  Example example{std::vector<TokenId>(tokens, 7), std::vector<std::uint8_t>(tokens, 0), source};
  for (std::size_t i = tokens - targets; i < tokens; ++i) example.has_loss[i] = 1;
  return example;
}

std::string refusal_of_fit(std::vector<Example> examples, const ContextLimit& limit) {
  return message_of<UserError>([&] { fit_context(examples, limit, "retain set"); });
}

TEST(ContextLimit, WhatFitsStays) {
  std::vector<Example> examples = {long_example(8, 2, "a.json, entry 1"), long_example(7, 7, "")};
  for (const auto rule : {LongExamples::refuse, LongExamples::cut, LongExamples::skip}) {
    fit_context(examples, {8, rule}, "forget set");
    EXPECT_EQ(examples.size(), 2U);
    EXPECT_EQ(examples[0].ids.size(), 8U);
  }
}

TEST(ContextLimit, RefusalsNameTheEntryOrThePiece) {
  const std::vector<Example> examples = {long_example(8, 2, "a.json, entry 1"), long_example(9, 2, "a.json, entry 2")};
  EXPECT_THAT(refusal_of_fit(examples, {8, LongExamples::refuse}),
              AllOf(HasSubstr("a.json, entry 2: an example of 9 tokens"), HasSubstr("its context holds 8"),
                    HasSubstr("dataset.skip_long"), HasSubstr("train.long_examples")));
  const std::vector<Example> pieces = {long_example(9, 8, "")};
  for (const auto rule : {LongExamples::refuse, LongExamples::skip})
    EXPECT_THAT(refusal_of_fit(pieces, {8, rule}), AllOf(HasSubstr("retain set, piece 1"), HasSubstr("chunk_length")));
}

TEST(ContextLimit, CuttingKeepsTheBeginningAndNeedsALoss) {
  std::vector<Example> examples = {long_example(12, 6, "a.json, entry 1"), long_example(20, 19, "")};
  fit_context(examples, {8, LongExamples::cut}, "forget set");
  EXPECT_EQ(examples[0].targets(), 2);
  EXPECT_EQ(examples[1].ids.size(), 8U);
  EXPECT_EQ(examples[1].has_loss.size(), 8U);
  EXPECT_THAT(refusal_of_fit({long_example(12, 4, "a.json, entry 9")}, {8, LongExamples::cut}),
              AllOf(HasSubstr("a.json, entry 9"), HasSubstr("cannot be cut")));
}

TEST(ContextLimit, SkippedQuestionsLeaveBothListsThatGoTogether) {
  std::vector<Example> forget, others;
  for (const std::size_t size : {5, 9, 5, 5}) forget.push_back(long_example(size, 1, concat("f.json, entry ", size)));
  for (const std::size_t size : {5, 5, 9, 6}) others.push_back(long_example(size, 1, concat("o.json, entry ", size)));
  fit_context(forget, others, {8, LongExamples::skip}, "forget set");
  ASSERT_EQ(forget.size(), 2U);
  ASSERT_EQ(others.size(), 2U);
  EXPECT_EQ(others[1].ids.size(), 6U);
}

}  // namespace
}  // namespace unpact
