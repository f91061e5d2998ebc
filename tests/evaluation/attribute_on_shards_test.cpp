// Questions that are dealt over ranks, asked of a model whose weights are cut over the same ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/attribution_settings.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;

class OnShards : public testing::Test {
 protected:
  LanguageModel sharded(c10::ScalarType dtype = at::kFloat) const {
    WeightPieces pieces(model_.transformer.config(), world_, dtype, at::kCPU);
    pieces.take_all(model_.transformer.weights());
    auto copy = model_;
    copy.transformer = sharded_transformer(world_, std::move(pieces));
    return copy;
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = testing_support::tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(testing_support::small_dataset(), ByteTokenizer(), {}, 0, 0);
};

TEST_F(OnShards, EveryMethodButThoseOfGradientsGivesTheSameBits) {
  questions_.resize(5);  // not a multiple of the ranks
  Answers answers;
  for (const auto& question : questions_) answers.push_back(question.gold_answer);
  const auto on_shards = sharded();
  for (const auto& name : attribution_methods()) {
    const auto settings = testing_support::small_settings(name);
    const auto method = make_attribution_method(name, settings, 3, *model_.tokenizer);
    const auto attribute = [&](const LanguageModel& model) {
      return attribute_answers(world_, model.transformer, *method, questions_, answers, name);
    };
    if (!facts_of(name).takes_shards) {
      EXPECT_THAT(message_of<UserError>([&] { attribute(on_shards); }), HasSubstr("model.replica")) << name;
      continue;
    }
    const auto found = attribute(on_shards), expected = attribute(model_);
    for (std::size_t q = 0; q < expected.size(); ++q) {
      EXPECT_EQ(found[q].values, expected[q].values) << name << q;
      EXPECT_EQ(found[q].mean_log_probability, expected[q].mean_log_probability) << name << q;
    }
  }
}

TEST_F(OnShards, ATargetIsEvaluatedAsTheWholeOne) {
  questions_.resize(7);
  EvaluationOptions options;
  options.generation.max_new_tokens = 3;
  const auto evaluated = [&](const LanguageModel& model) {
    CellRecord record;
    evaluate_target(world_, model, questions_, options, nullptr, record);
    return record;
  };
  const auto found = evaluated(sharded()), expected = evaluated(model_);
  EXPECT_EQ(found.target.answer, expected.target.answer);
  for (const auto part : {&ModelRecord::gold, &ModelRecord::own}) {
    EXPECT_EQ((found.target.*part).log_probabilities.values, (expected.target.*part).log_probabilities.values);
    EXPECT_EQ((found.target.*part).contributions.values, (expected.target.*part).contributions.values);
  }
  EXPECT_EQ(found.noise_floor, expected.noise_floor);
  ASSERT_EQ(found.probes.size(), expected.probes.size());
  for (std::size_t p = 0; p < found.probes.size(); ++p) EXPECT_EQ(found.probes[p].answer, expected.probes[p].answer);
}

TEST_F(OnShards, ASampleIsVerifiedInFloat32OnShardsToo) {
  questions_.resize(3);
  EvaluationOptions options;
  options.generation.max_new_tokens = 1;
  options.attribution.settings.verify = 2;
  CellRecord record, expected;
  evaluate_target(world_, sharded(at::kBFloat16), questions_, options, nullptr, record);
  auto rounded = model_;
  rounded.transformer = converted(model_.transformer, at::kBFloat16, at::kCPU);
  evaluate_target(world_, rounded, questions_, options, nullptr, expected);
  ASSERT_EQ(record.verification.size(), 1U);
  EXPECT_EQ(record.verification[0].largest_difference, expected.verification.at(0).largest_difference);
}

}  // namespace
}  // namespace unpact
