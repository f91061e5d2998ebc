#include "unpact/data/halves.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;

std::vector<QuestionAnswer> questions(std::size_t count) {
  std::vector<QuestionAnswer> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back({concat("Question ", i, "?"), "answer", {}});
  return all;
}

std::set<std::string> held_out_of(const std::vector<QuestionAnswer>& all) {
  std::set<std::string> texts;
  for (const auto& question : all)
    if (question.half == SetHalf::held_out) texts.insert(question.question);
  return texts;
}

TEST(Halves, AreOfTheWantedSize) {
  for (const std::size_t count : {2, 3, 10, 129}) {
    for (const double share : {0.01, 0.25, 0.5, 0.9}) {
      auto all = questions(count);
      EXPECT_THAT(make_halves(all, share), HasSubstr("by hash of the question"));
      const auto held_out = static_cast<double>(held_out_of(all).size()), wanted = share * static_cast<double>(count);
      EXPECT_GE(held_out, 1) << count << " " << share;
      EXPECT_LT(held_out, static_cast<double>(count));
      EXPECT_LT(std::abs(held_out - wanted), 1.01) << count << " " << share;
      EXPECT_EQ(trained_half(all).size(), count - held_out_of(all).size());
    }
  }
}

TEST(Halves, DoNotDependOnTheOrder) {
  auto all = questions(40), other = questions(40);
  std::reverse(other.begin(), other.end());
  make_halves(all, 0.5);
  make_halves(other, 0.5);
  EXPECT_EQ(held_out_of(all), held_out_of(other));
}

TEST(Halves, KeepSubjectsTogether) {
  auto all = questions(60);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].subject = concat("subject ", i % 6);
  EXPECT_THAT(make_halves(all, 0.5), HasSubstr("30 questions train, 30 are held out: by hash of the subject"));
  std::map<std::string, SetHalf> half_of;
  for (const auto& question : all)
    EXPECT_EQ(half_of.try_emplace(question.subject, question.half).first->second, question.half);
}

TEST(Halves, OfTofuAreOfAuthors) {
  auto all = questions(80);
  EXPECT_THAT(make_halves(all, 0.5, 20), HasSubstr("40 are held out: by hash of the subject"));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].half, all[i / 20 * 20].half) << i;
  all = questions(81);
  EXPECT_THAT(make_halves(all, 0.5, 20), HasSubstr("by hash of the question")) << "it is not in TOFU's order";
  all = questions(20);
  EXPECT_THAT(make_halves(all, 0.5, 20), HasSubstr("by hash of the question")) << "one author has no halves";
}

TEST(Halves, OfOneSubjectOrWithGapsAreOfQuestions) {
  auto all = questions(10);
  for (auto& question : all) question.subject = "biology";
  EXPECT_THAT(make_halves(all, 0.5), HasSubstr("5 are held out: by hash of the question"));
  all[3].subject.clear();
  all[4].subject = "chemistry";
  EXPECT_THAT(make_halves(all, 0.5), HasSubstr("by hash of the question"));
}

TEST(Halves, OfEqualQuestionsStayTogether) {
  auto all = questions(3);
  all.push_back(all[0]);
  make_halves(all, 0.5);
  EXPECT_EQ(all[0].half, all[3].half);
}

TEST(Halves, AreNotMadeOfNothing) {
  auto one = questions(1), none = questions(0), all = questions(4);
  EXPECT_THAT(make_halves(one, 0.5), HasSubstr("no halves: the set has one question"));
  EXPECT_THAT(make_halves(none, 0.5), HasSubstr("no halves: the set is empty"));
  make_halves(all, 0.5);
  EXPECT_THAT(make_halves(all, 0), HasSubstr("no halves: dataset.held_out is 0"));
  for (const auto* set : {&one, &all})
    for (const auto& question : *set) EXPECT_EQ(question.half, SetHalf::whole);
}

}  // namespace
}  // namespace unpact
