#include <gmock/gmock.h>

#include <cmath>

#include "../../src/evaluation/judge_all.hpp"
#include "../../src/evaluation/judges/verdict_prompt.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/core/error.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::message_of;
using testing_support::tiny_language_model;

class LocalModel : public testing::Test {
 protected:
  LocalModel() {
    options_.question = "{question} Is it {answer}? {gold}!";
    options_.asked = std::make_shared<const LanguageModel>(tiny_language_model(7));
    options_.model = "a folder";
  }
  std::vector<double> scores(const Communicator& group, FinishedPages* pages = nullptr) const {
    return make_judge(options_)->scores(own_answers_to_judge(group, model_, questions_, answers_, {pages, "answers", 2}));
  }
  /// By what scores any answer.
  double expected(const LanguageModel& judge, std::size_t q) const {
    const auto& pair = questions_[q].pair;
    auto ids = ByteTokenizer().encode(concat(pair.question, " Is it ", answers_[q], "? ", pair.answer, "! ")).ids;
    ids.insert(ids.begin(), 1);
    const auto log_p = [&](const char* text) {
      return double{score_answers(judge.transformer, {{ids, ByteTokenizer().encode(text).ids}}).front().front()};
    };
    return std::exp(log_p("Y")) / (std::exp(log_p("Y")) + std::exp(log_p("N")));
  }

  Communicator world_ = Communicator::world(), alone_;
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(testing_support::small_dataset(), ByteTokenizer(), {}, 0, 2);
  std::vector<std::string> answers_ = {"Author 0", "{gold}", "", "Land 1, or a much longer answer"};
  JudgeOptions options_{.kind = "local_model"};
};

TEST_F(LocalModel, AsksTheOtherModelHowLikelyYesIs) {
  const auto found = scores(world_);
  for (const std::size_t q : {0, 1, 3}) EXPECT_NEAR(found[q], expected(*options_.asked, q), 1e-5) << q;
  EXPECT_EQ(found[2], 0) << "an empty answer is wrong";
}

TEST_F(LocalModel, MayBeTheModelItself) {
  options_.model.clear();
  options_.asked = nullptr;
  EXPECT_NEAR(scores(world_)[0], expected(model_, 0), 1e-5);
  EXPECT_EQ(make_judge(options_)->describe(), "local_model (the model itself) >= 0.5");
  EXPECT_FALSE(asks_own_model(options_));
}

TEST_F(LocalModel, DoesNotDependOnRanks) { EXPECT_EQ(scores(world_), scores(alone_)); }

TEST_F(LocalModel, KeepsFinishedPages) {
  const testing_support::SharedFolder folder(world_);
  FinishedPages pages(world_, folder.path() / "x.unfinished", "f");
  const auto first = scores(world_, &pages);
  if (world_.is_root()) {  // which writes them
    EXPECT_TRUE(std::filesystem::exists(pages.file("local_model_on_answers", 0)));
  }
  FinishedPages again(world_, folder.path() / "x.unfinished", "f");
  options_.asked = std::make_shared<const LanguageModel>(tiny_language_model(8));  // nobody asks it
  EXPECT_EQ(scores(world_, &again), first);
}

TEST_F(LocalModel, IsCalibratedOnHalfOfTheQuestionsAndMeasuredOnTheOthers) {
  for (auto& asked : questions_) {
    asked.pair.paraphrased = {concat("It is ", asked.pair.answer)};
    asked.pair.perturbed = {"Nobody", "Somebody else"};
  }
  const auto found = JudgePanel(options_).check(world_, model_, questions_, nullptr, 64);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].calibrated_on, 6U);
  EXPECT_EQ(std::tie(found[0].right, found[0].wrong), std::tuple(2U, 4U));
  EXPECT_GT(found[0].threshold, 0);
  EXPECT_LT(found[0].threshold, 1);
  const auto judge = make_judge(calibrated(options_, found));
  EXPECT_EQ(judge->threshold(), found[0].threshold);
  EXPECT_THAT(judge->describe(), HasSubstr("(calibrated)"));
  EXPECT_TRUE(judge->passes(found[0].threshold));
}

TEST_F(LocalModel, SaysWhatIsMissing) {
  const auto refusal = [](const JudgeOptions& options) { return message_of<UserError>([&] { judge_rows(options); }); };
  EXPECT_THAT(refusal({.kind = "exact_match", .model = "m"}), HasSubstr("only the judge 'local_model' asks it"));
  for (const char* field : {"{question}", "{gold}", "{answer}"}) {
    auto options = options_;
    options.question.replace(options.question.find(field), std::string(field).size(), "");
    EXPECT_THAT(refusal(options), HasSubstr(concat("'judge.question' has no ", field)));
  }
  const auto cannot_say = [](const std::string& yes, const std::string& no) {
    return message_of<UserError>([&] { check_verdicts({.yes = yes, .no = no}, ByteTokenizer()); });
  };
  EXPECT_THAT(cannot_say("\\sYes", "\\sYes"), HasSubstr("cannot be told apart"));
  EXPECT_THAT(cannot_say("", "No"), HasSubstr("0 and 2 token(s)"));
  EXPECT_THAT(cannot_say("No", "Not"), HasSubstr("judge.yes and judge.no")) << "one begins with all of the other";
  EXPECT_NO_THROW(check_verdicts({}, ByteTokenizer()));
}

}  // namespace
}  // namespace unpact
