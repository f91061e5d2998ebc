// A call with few questions: every rank finds work, and the numbers are those of one rank.
#include <gtest/gtest.h>

#include "support/parity.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/attribute_questions.hpp"

namespace unpact {
namespace {

using testing_support::expect_close;
using testing_support::random_ids;

/// The shared-prefix engine, counting what this rank runs.
class CountedBound : public BoundEngine {
 public:
  CountedBound(std::unique_ptr<BoundEngine> bound, std::uint64_t& positions)
      : bound_(std::move(bound)), positions_(positions) {}
  std::vector<AttributionPart> parts(const AttributionRequest& request) const override { return bound_->parts(request); }
  std::vector<AttributionPart> finer_parts(const AttributionRequest& request, std::size_t pieces) const override {
    return bound_->finer_parts(request, pieces);
  }
  std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) override {
    positions_ += part.positions;
    return bound_->run_part(request, part);
  }

 private:
  std::unique_ptr<BoundEngine> bound_;
  std::uint64_t& positions_;
};

class CountedEngine : public LeaveOneOutEngine {
 public:
  explicit CountedEngine(std::uint64_t& positions) : positions_(positions) {}
  std::unique_ptr<BoundEngine> open(const Transformer& model) const override {
    return std::make_unique<CountedBound>(engine_.open(model), positions_);
  }

 private:
  SharedPrefixEngine engine_{4096};
  std::uint64_t& positions_;
};

class FewQuestions : public testing::Test {
 protected:
  void ask(std::size_t count) {
    questions_.resize(count);
    for (const auto& question : questions_) answers_.push_back(question.gold_answer);
  }
  std::vector<Attribution> attribute(const Communicator& group, const AttributionMethod& method) const {
    return attribute_answers(group, model_.transformer, method, questions_, answers_, "test");
  }

  Communicator world_ = Communicator::world(), alone_;
  std::unique_ptr<AttributionMethod> shared_ = make_leave_one_out(std::make_unique<SharedPrefixEngine>(4096));
  LanguageModel model_ = testing_support::tiny_language_model(1);
  std::vector<AskedQuestion> questions_ =
      ask_questions(testing_support::small_dataset(), testing_support::ByteTokenizer(), PromptTemplate(), 0, 0);
  std::vector<std::vector<TokenId>> answers_;
};

TEST_F(FewQuestions, GiveEveryRankItsShare) {
  ask(1);  // 16 tokens, an answer of 9
  std::uint64_t positions = 0;
  attribute(world_, *make_leave_one_out(std::make_unique<CountedEngine>(positions)));
  const auto mine = static_cast<std::int64_t>(positions), all = world_.sum(mine);
  EXPECT_GT(2 * mine * world_.size(), all) << "at least half of an equal share";
  EXPECT_LT(mine * world_.size(), 2 * all) << "at most twice an equal share";
}

TEST_F(FewQuestions, HaveTheSameBitsForEveryNumberOfRanks) {
  for (const std::size_t count : {1, 3, 10, 40}) {
    questions_ = ask_questions(testing_support::small_dataset(), testing_support::ByteTokenizer(), PromptTemplate(), 1, 0);
    answers_.clear();
    ask(count);
    const auto together = attribute(world_, *shared_), alone = attribute(alone_, *shared_);
    for (std::size_t q = 0; q < count; ++q)
      EXPECT_EQ(together[q].log_probabilities, alone[q].log_probabilities) << count << ", " << q;
  }
}

TEST_F(FewQuestions, AreWhatTheDefinitionGives) {
  ask(2);
  const auto results = attribute(world_, *shared_);
  for (std::size_t q = 0; q < 2; ++q) {
    const auto& prompt = questions_[q].prompt;
    const auto expected =
        ReferenceEngine().run(model_.transformer, {prompt.ids, prompt.candidate_begin, prompt.candidate_end, answers_[q]});
    // Nats; float32 sums in another order.
    expect_close(at::tensor(results[q].log_probabilities), at::tensor(expected.log_probabilities), 2e-5,
                 concat("question ", q));
  }
}

TEST_F(FewQuestions, CostNoMoreThanASharedContextOnEachRank) {
  ask(1);
  const auto finer = attribute(world_, *shared_).front().work.positions;
  const auto& prompt = questions_.front().prompt;
  const auto whole = SharedPrefixEngine(4096).run(model_.transformer,
                                                  {prompt.ids, prompt.candidate_begin, prompt.candidate_end, answers_[0]});
  EXPECT_LE(finer, whole.work.positions + static_cast<std::uint64_t>(world_.size() - 1) * prompt.ids.size());
}

}  // namespace
}  // namespace unpact
