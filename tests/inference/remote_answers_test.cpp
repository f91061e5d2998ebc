// A model that answers elsewhere gives what the same model gives here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/local_remote.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::LocalRemote;
using testing_support::message_of;
using testing_support::random_ids;

class RemoteAnswers : public testing::Test {
 protected:
  RemoteAnswers()
      : here_(testing_support::tiny_transformer(5, config())), there_(testing_support::remote_copy(here_, &remote_)) {}
  static ModelConfig config() {
    auto config = testing_support::tiny_config();
    config.eos_ids = {2};
    return config;
  }
  Transformer here_;
  std::shared_ptr<LocalRemote> remote_;
  Transformer there_;
};

TEST_F(RemoteAnswers, ScoresAreTheSame) {
  const std::vector<PromptAnswer> items = {{random_ids(7, 1), random_ids(3, 2)}, {random_ids(4, 3), random_ids(1, 4)}};
  EXPECT_EQ(score_answers(there_, items), score_answers(here_, items));
  EXPECT_EQ(score_by_passes(there_, items), score_answers(here_, items));
  EXPECT_THAT(remote_->batches, ElementsAre(2, 2));
}

TEST_F(RemoteAnswers, ItemsAreCheckedBeforeAnybodyIsAsked) {
  EXPECT_THROW(score_answers(there_, {{random_ids(7, 1), {}}}), UserError);
  EXPECT_THROW(score_answers(there_, {{random_ids(90, 1), random_ids(9, 1)}}), UserError);  // a context of 96
  EXPECT_THROW(generate(there_, {{{}}}, {}), UserError);
  EXPECT_TRUE(remote_->batches.empty());
}

TEST_F(RemoteAnswers, GreedyAnswersAreTheSameWithoutTheStopAndEqualPromptsAreAskedOnce) {
  const std::vector<GenerationRequest> requests = {{random_ids(5, 1)}, {random_ids(9, 2)}, {random_ids(5, 1)}};
  const GenerationOptions options{.max_new_tokens = 6};
  EXPECT_EQ(generate(there_, requests, options), generate(here_, requests, options));
  EXPECT_THAT(remote_->batches, ElementsAre(2));
}

TEST_F(RemoteAnswers, SamplesOfOnePromptHaveSeedsOfTheirOwn) {
  GenerationOptions options{.max_new_tokens = 6, .sample = true, .seed = 3};
  const std::vector<GenerationRequest> requests = {{random_ids(5, 1), 0}, {random_ids(5, 1), 1}};
  const auto first = generate(there_, requests, options);
  EXPECT_EQ(generate(there_, requests, options), first);
  EXPECT_NE(remote_->seeds[0], remote_->seeds[1]);
  EXPECT_EQ(remote_->seeds[0], remote_->seeds[2]);
  EXPECT_LT(remote_->seeds[0], std::uint64_t{1} << 31);
}

TEST_F(RemoteAnswers, WhatNeedsWeightsIsRefusedByName) {
  for (const auto& message : {message_of<UserError>([&] { there_.hidden(testing_support::row_of(random_ids(4, 1))); }),
                              message_of<UserError>([&] { require_weights(there_, "this metric"); })})
    EXPECT_THAT(message, AllOf(HasSubstr("needs the weights"), HasSubstr("tiny at http://elsewhere")));
  EXPECT_NO_THROW(require_weights(here_, "this metric"));
  EXPECT_EQ(remote_of(here_), nullptr);
  EXPECT_EQ(remote_of(Transformer(there_)), remote_.get());  // copies answer as well
}

}  // namespace
}  // namespace unpact
