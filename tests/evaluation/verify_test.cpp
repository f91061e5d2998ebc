#include "unpact/evaluation/verify.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/tiny_language_model.hpp"

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
    for (const auto& result : attribute_answers(world_, model, SharedPrefixEngine(), questions_, answers_, "test"))
      contributions_.push_back(result.answer_tokens == 0 ? std::vector<float>() : result.contributions());
  }

  Verification verify(const Transformer& model, std::size_t sample) const {
    return verify_attributions(world_, model, questions_, answers_, contributions_, sample);
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), PromptTemplate(), 0, 0);
  std::vector<std::vector<TokenId>> answers_;
  std::vector<std::vector<float>> contributions_;
};

TEST_F(Verify, FindsTheEngineExact) {
  const auto found = verify(model_.transformer, 3);
  EXPECT_EQ(found.questions, 3U);
  EXPECT_LT(found.largest_difference, 2e-5);  // nats; float32 sums in another order
  EXPECT_EQ(verify(model_.transformer, 100).questions, 8U);  // one has no answer
  EXPECT_EQ(verify(model_.transformer, 0).questions, 0U);
}

TEST_F(Verify, FindsAWrongContribution) {
  contributions_[7].back() += 0.5F;
  const auto found = verify(model_.transformer, 8);
  EXPECT_NEAR(found.largest_difference, 0.5, 1e-4);
  EXPECT_EQ(found.worst_question, 7U);
}

TEST_F(Verify, MeasuresWhatHalfPrecisionCosts) {
  auto weights = clone_weights(model_.transformer.weights());
  for (auto& [name, tensor] : named_tensors(weights)) tensor.set_data(tensor.to(at::kBFloat16));
  const Transformer half(model_.transformer.config(), weights);
  measure(half);
  const auto found = verify(half, 8);
  EXPECT_GT(found.largest_difference, 1e-5);
  EXPECT_LT(found.largest_difference, 0.5);  // 8 bits of precision, log-probabilities of a few nats
  EXPECT_EQ(half.weights().embedding_VD.scalar_type(), at::kBFloat16);  // as it was
}

}  // namespace
}  // namespace unpact
