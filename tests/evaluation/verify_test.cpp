#include "../../src/evaluation/verify.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/attribute_questions.hpp"

namespace unpact {
namespace {

using testing_support::ByteTokenizer;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

class Verify : public testing::Test {
 protected:
  Verify() {
    questions_.resize(9);
    for (const auto& question : questions_) answers_.push_back(question.gold_answer);
    answers_[4].clear();
    measure(model_.transformer);
  }

  void measure(const Transformer& model) {
    contributions_.clear();
    const auto method = make_leave_one_out(std::make_unique<SharedPrefixEngine>());
    for (const auto& result : attribute_answers(world_, model, *method, questions_, answers_, "test"))
      contributions_.push_back(result.values);
  }

  std::optional<VerificationRecord> try_verify(const Transformer& model, std::size_t sample,
                                               const LeaveOneOutEngine& made_by = SharedPrefixEngine()) const {
    return verify_attributions(world_, model, made_by, questions_, answers_, contributions_, keys_, sample, "target");
  }
  VerificationRecord verify(const Transformer& model, std::size_t sample) const { return try_verify(model, sample).value(); }

  static Transformer half(const Transformer& model) { return converted(model, at::kBFloat16, at::kCPU); }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), PromptTemplate(), 0, 0);
  std::vector<std::vector<TokenId>> answers_;
  std::vector<std::vector<float>> contributions_;
  KeyTokenOptions keys_;
};

TEST_F(Verify, FindsTheEngineExact) {
  const auto found = verify(model_.transformer, 3);
  EXPECT_EQ(found.questions, 3U);
  EXPECT_LT(found.largest_difference, 2e-5);                 // nats; float32 sums in another order
  EXPECT_EQ(verify(model_.transformer, 100).questions, 8U);  // one has no answer
  EXPECT_EQ(found.model, "target");
  EXPECT_EQ(found.turned, 0U);
  EXPECT_EQ(found.candidates, contributions_[0].size() + contributions_[2].size() + contributions_[6].size());
  EXPECT_FALSE(try_verify(model_.transformer, 0).has_value());
}

TEST_F(Verify, FindsAWrongContribution) {
  contributions_[7].back() += 0.5F;
  const auto found = verify(model_.transformer, 8);
  EXPECT_NEAR(found.largest_difference, 0.5, 1e-4);
  EXPECT_EQ(found.worst_question, 7U);
}

TEST_F(Verify, MeasuresWhatHalfPrecisionCosts) {
  const auto rough = half(model_.transformer);
  measure(rough);
  const auto found = verify(rough, 8);
  EXPECT_GT(found.largest_difference, 1e-5);
  EXPECT_LT(found.largest_difference, 0.5);  // 8 bits of precision, log-probabilities of a few nats
  EXPECT_EQ(rough.weights().embedding_VD.scalar_type(), at::kBFloat16);  // as it was
}

/// With floors of 0 a KeyToken is what does not contribute against the answer.
TEST_F(Verify, CountsVerdictsThatTurn) {
  keys_ = {0.0, 0.0};
  EXPECT_EQ(verify(model_.transformer, 8).turned, 0U);
  std::size_t turned = 0, all = 0;
  for (const std::size_t q : {2U, 7U})
    for (auto& value : contributions_[q]) {
      turned += value != 0 ? 1 : 0;
      value = -value;
    }
  for (const auto& values : contributions_) all += values.size();
  const auto found = verify(model_.transformer, 8);
  EXPECT_EQ(found.turned, turned);
  EXPECT_EQ(found.candidates, all);
}

TEST_F(Verify, DoesNotCompareTheReferenceWithItself) {
  EXPECT_FALSE(try_verify(model_.transformer, 3, ReferenceEngine()).has_value());
  const auto rough = half(model_.transformer);
  measure(rough);
  EXPECT_TRUE(try_verify(rough, 3, ReferenceEngine()).has_value());  // in float32 it is another number
}

TEST_F(Verify, LooksAtBothOfTwoModels) {
  auto both = half(model_.transformer);
  const auto plain = both;
  both.contrast_with(std::make_shared<const Transformer>(half(tiny_language_model(2).transformer)), 1.5);
  measure(both);
  const auto found = verify(both, 8);
  EXPECT_GT(found.largest_difference, 1e-5);
  measure(plain);
  EXPECT_GT(verify(both, 8).largest_difference, 2 * found.largest_difference) << "contributions of one of the two are wrong";
  auto exact = tiny_language_model(1).transformer;
  exact.contrast_with(std::make_shared<const Transformer>(tiny_language_model(2).transformer), 1.5);
  EXPECT_FALSE(try_verify(exact, 3).has_value()) << "the shared-prefix engine leaves it to the reference";
}

}  // namespace
}  // namespace unpact
