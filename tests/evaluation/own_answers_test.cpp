#include "../../src/evaluation/own_answers.hpp"

#include <gmock/gmock.h>

#include "../../src/evaluation/choices.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"

namespace unpact {
namespace {

using testing_support::small_dataset;
using testing_support::tiny_language_model;

class OwnAnswers : public testing::Test {
 protected:
  OwnAnswers() {
    options_.max_new_tokens = 4;
    for (const auto& asked : ask_questions(small_dataset(), testing_support::ByteTokenizer(), {}, 0, 3))
      asked_.prompts.push_back(asked.prompt.ids);
    asked_.choices.assign(asked_.prompts.size(), 3);
  }

  std::vector<OwnAnswer> answers(const Communicator& group, FinishedPages* pages = nullptr,
                                 AnswerStyle style = AnswerStyle::text, std::uint64_t model = 1) const {
    return answers_in_pages(group, tiny_language_model(model), asked_, options_, style, {pages, "answers", 2});
  }

  Communicator world_ = Communicator::world(), null_;
  PromptsToAnswer asked_;
  GenerationOptions options_;
};

void expect_same(const std::vector<OwnAnswer>& a, const std::vector<OwnAnswer>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].text, b[i].text) << i;
    EXPECT_EQ(a[i].ids, b[i].ids) << i;
  }
}

TEST_F(OwnAnswers, AreGreedyAndTheSameOnAnyNumberOfRanks) {
  const auto all = answers(world_);
  expect_same(all, answers(null_));
  expect_same(all, answer_prompts(null_, tiny_language_model(1), asked_.prompts, options_));
}

TEST_F(OwnAnswers, AreLettersOfTheChoicesWhereTheJudgeWantsThem) {
  for (const auto& answer : answers(world_, nullptr, AnswerStyle::choice))
    EXPECT_THAT(answer.text, testing::AnyOf("A", "B", "C"));
  expect_same(answers(world_, nullptr, AnswerStyle::choice),
              choose_answers(null_, tiny_language_model(1), asked_.prompts, asked_.choices, options_));
}

TEST_F(OwnAnswers, OfFinishedPagesComeFromTheDisk) {
  const testing_support::SharedFolder folder(world_);
  FinishedPages pages(world_, folder.path() / "pages", "fingerprint");
  const auto first = answers(world_, &pages);
  expect_same(first, answers(null_));
  expect_same(answers(world_, &pages, AnswerStyle::text, 2), first);  // another model is not asked
  world_.barrier();
  if (world_.is_root()) std::filesystem::remove(pages.file("answers", 2));
  world_.barrier();
  const auto mixed = answers(world_, &pages, AnswerStyle::text, 2), other = answers(world_, nullptr, AnswerStyle::text, 2);
  expect_same(mixed, {first[0], first[1], other[2], other[3], first[4], first[5]});
}

}  // namespace
}  // namespace unpact
