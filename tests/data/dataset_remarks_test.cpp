#include <gmock/gmock.h>

#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

QuestionAnswer question_placed_at(const std::string& text, const std::string& where) {
  QuestionAnswer pair;
  pair.question = text;
  pair.where = where;
  return pair;
}

TEST(DatasetRemarks, NameQuestionsInBothSetsAndTwice) {
  Dataset dataset;
  dataset.forget_questions = {question_placed_at("Who?", "f, entry 1"), question_placed_at("When?", "f, entry 2")};
  dataset.retain_questions = {question_placed_at("What?", "r, entry 1")};
  EXPECT_THAT(dataset_remarks(dataset), IsEmpty());
  dataset.forget_questions.push_back(question_placed_at("Who?", "f, entry 3"));
  dataset.retain_questions.push_back(question_placed_at("When?", "r, entry 2"));
  EXPECT_THAT(
      dataset_remarks(dataset),
      ElementsAre(
          HasSubstr("1 question of the forget set stands there more than once (\"Who?\": f, entry 1 and f, entry 3)"),
          HasSubstr("1 question is in the forget set and in the retain set (\"When?\": f, entry 2 and r, entry 2)")));
}

TEST(DatasetRemarks, LookAtChoicesToo) {
  Dataset dataset;
  dataset.forget_questions = {question_placed_at("Which?", ""), question_placed_at("Which?", "")};
  for (auto& pair : dataset.forget_questions) pair.choices = {"a", "b"};
  dataset.forget_questions[1].choices[1] = "c";
  EXPECT_THAT(dataset_remarks(dataset), IsEmpty());
}

}  // namespace
}  // namespace unpact
