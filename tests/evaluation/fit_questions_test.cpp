#include "unpact/evaluation/fit_questions.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

AskedQuestion asked_question(std::size_t prompt, std::size_t gold, bool forget, const std::string& where) {
  AskedQuestion question;
  question.pair.where = where;
  question.in_forget_set = forget;
  question.prompt.ids.assign(prompt, 5);
  question.gold_answer.assign(gold, 6);
  return question;
}

std::vector<AskedQuestion> questions_of_lengths() {
  return {asked_question(10, 2, true, "f.json, entry 1"), asked_question(15, 6, true, "f.json, entry 2"),
          asked_question(10, 2, false, "r.json, entry 1"), asked_question(17, 2, false, "r.json, entry 2")};
}

ModelConfig config_of_positions(std::int64_t positions) {
  ModelConfig config;
  config.max_positions = positions;
  return config;
}

TEST(FitQuestions, NamesTheFirstThatIsTooLongByFileAndNumber) {
  auto questions = questions_of_lengths();
  EXPECT_EQ(fit_questions(questions, config_of_positions(21), 4, false), 0U);
  EXPECT_THAT(message_of<UserError>([&] { fit_questions(questions, config_of_positions(20), 4, false); }),
              AllOf(HasSubstr("f.json, entry 2: forget question 1 does not fit"), HasSubstr("take 21 tokens"),
                    HasSubstr("holds 20"), HasSubstr("dataset.skip_long")));
  EXPECT_EQ(questions.size(), 4U);
}

TEST(FitQuestions, LeavesThemOutWhereThatIsWanted) {
  auto questions = questions_of_lengths();
  EXPECT_EQ(fit_questions(questions, config_of_positions(20), 4, true), 2U);
  ASSERT_EQ(questions.size(), 2U);
  EXPECT_EQ(questions[0].pair.where + questions[1].pair.where, "f.json, entry 1r.json, entry 1");
  EXPECT_THAT(message_of<UserError>([&] { fit_questions(questions, config_of_positions(11), 4, true); }),
              HasSubstr("no forget question fits"));
}

}  // namespace
}  // namespace unpact
