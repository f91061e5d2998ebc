#include "../../src/evaluation/compare_models.hpp"

#include <gmock/gmock.h>

#include "support/tiny_language_model.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;

/// Gives the right answer at its last attempt, to the first of the questions alone.
class Crib : public Probe {
 public:
  explicit Crib(std::vector<std::vector<std::string>>& keys) : keys_(keys) {}
  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    keys_ = task.keys;
    record.attempt_labels = {"blank", "right"};
    for (const auto q : task.probed) record.answer.insert(record.answer.end(), {"", q == 0 ? "Author 0" : "nobody"});
  }

 private:
  std::vector<std::vector<std::string>>& keys_;
};

/// Two forget and two retain questions. The target knows all but the last one; the model, nothing but the third.
class CompareModels : public testing::Test {
 protected:
  CompareModels() {
    options_.probe.use = "crib";
    options_.probe.phrasings = "{question} {keys} | {keys}: {question}";  // two attempts
    record_.questions.split = {0, 0, 1, 1};
    record_.target.is_right = {1, 1, 1, 0};
    record_.unlearned.is_right = {0, 0, 1, 0};
    for (std::size_t q = 0; q < questions_.size(); ++q) {
      const auto n = questions_[q].prompt.candidate_end - questions_[q].prompt.candidate_begin;
      std::vector<float> values(n, 0.0F);
      std::vector<std::uint8_t> first(n, 0), second(n, 0);
      values[0] = values[1] = 1;
      first[0] = second[1] = 1;
      add(record_.target.own, values, first);
      add(record_.unlearned.own, values, second);
      add(record_.target.gold, values, first);
      add(record_.unlearned.gold, values, first);
    }
  }
  static void add(ContributionRecord& to, const std::vector<float>& values, const std::vector<std::uint8_t>& keys) {
    to.contributions.add(values);
    to.is_key_token.add(keys);
  }
  void compare() { compare_models(world_, model_, questions_, options_, table_, nullptr, record_); }
  const Rate& rate(const std::string& name) const {
    for (const auto& rate : record_.rates)
      if (rate.name == name) return rate;
    throw std::out_of_range(name);
  }

  Communicator world_ = Communicator::world();
  LanguageModel model_ = testing_support::tiny_language_model(2);
  std::vector<AskedQuestion> questions_ =
      ask_questions(testing_support::small_dataset(), testing_support::ByteTokenizer(), {}, 0, 2);
  std::vector<std::vector<std::string>> keys_;
  std::vector<ProbeRow> table_ = {
      {"crib", "The crib", "the right answer", ProbeKind::control,
       [this](const ProbeOptions&, const GenerationOptions&) { return std::make_unique<Crib>(keys_); }}};
  EvaluationOptions options_;
  CellRecord record_;
};

TEST_F(CompareModels, ClassifiesAndCounts) {
  compare();
  EXPECT_THAT(record_.outcome, ElementsAre(2, 2, 3, 0)) << "forgotten twice, kept, unknown";
  const auto counts = [&](const std::string& name) { return std::pair(rate(name).count, rate(name).total); };
  EXPECT_EQ(counts("target_right_forget"), std::pair(std::uint64_t{2}, std::uint64_t{2}));
  EXPECT_EQ(counts("target_right_retain"), std::pair(std::uint64_t{1}, std::uint64_t{2}));
  EXPECT_EQ(counts("unlearned_right_forget"), std::pair(std::uint64_t{0}, std::uint64_t{2}));
  EXPECT_EQ(counts("unlearned_right_retain"), std::pair(std::uint64_t{1}, std::uint64_t{2}));
  EXPECT_EQ(counts("recovery_crib"), std::pair(std::uint64_t{1}, std::uint64_t{2}));
  EXPECT_EQ(counts("destructive"), std::pair(std::uint64_t{0}, std::uint64_t{1}));
  EXPECT_EQ(record_.judge, make_judge(options_.judge)->describe());
}

TEST_F(CompareModels, JudgesEveryAttemptOnForgottenQuestionsAlone) {
  compare();
  ASSERT_EQ(record_.probes.size(), 1U);
  const auto& probe = record_.probes.front();
  EXPECT_EQ(probe.kind, ProbeKind::control);
  EXPECT_THAT(probe.question, ElementsAre(0, 1));
  EXPECT_THAT(probe.is_right, ElementsAre(0, 1, 0, 0));
  EXPECT_EQ(record_.work.back().stage, "probe_crib");
}

TEST_F(CompareModels, TakesKeyWordsAndFocusFromTheModelAndTheAnswerThatWereAskedFor) {
  compare();
  EXPECT_THAT(record_.focus_shift.set_cosine, ElementsAre(0, 0, 0, 0));
  const auto of_target = keys_;
  options_.attribution.focus_of = FocusOf::gold;
  options_.probe.keys_of = KeysOf::unlearned;
  record_.outcome.clear();
  compare();
  EXPECT_THAT(record_.focus_shift.set_cosine, ElementsAre(1, 1, 1, 1));
  EXPECT_EQ(keys_, of_target) << "gold answers have the same KeyTokens in both models";
  std::vector<std::uint8_t> first(record_.target.own.is_key_token.row(0));
  EXPECT_EQ(keys_[0], key_words(questions_[0], first));
  EXPECT_FALSE(keys_[0].empty());
}

}  // namespace
}  // namespace unpact
