#include "../../src/evaluation/judge_all.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "core/temporary_folder.hpp"
#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/inference/scoring.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing_support::ByteTokenizer;

class Judges : public testing::Test {
 protected:
  Judges() {
    for (auto& asked : questions_) asked.pair.perturbed = {"Nobody", "Somebody else"};
    questions_[0].pair.paraphrased = {"It was Author 0", "He"};
  }
  std::vector<double> likelihoods(const Communicator& group, const std::vector<std::size_t>& which) const {
    AnswersToJudge answers{group, model_, {}, {}, {}};
    for (const auto q : which) {
      answers.questions.push_back(&questions_[q]);
      answers.prompts.push_back(questions_[q].prompt.ids);
      answers.answers.emplace_back();
    }
    return make_judge({.kind = "relative_likelihood"})->scores(answers);
  }

  Communicator world_ = Communicator::world(), alone_;
  LanguageModel model_ = testing_support::tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(testing_support::small_dataset(), ByteTokenizer(), {}, 0, 2);
};

TEST_F(Judges, RelativeLikelihoodIsThatOfTheGoldAnswerAmongWrongOnes) {
  const auto scores = likelihoods(world_, {0, 1, 2, 3});
  const auto judge = make_judge({.kind = "relative_likelihood"});
  for (std::size_t q = 0; q < 4; ++q) {
    const auto& asked = questions_[q];
    std::vector<double> means;
    for (const auto& text : {asked.pair.answer, asked.pair.perturbed[0], asked.pair.perturbed[1]})
      means.push_back(mean_log_probability(
          score_answers(model_.transformer,
                        {{asked.prompt.ids, encode_answer(*model_.tokenizer, model_.prompt_template, text)}})
              .front()));
    EXPECT_EQ(judge->passes(scores[q]), means[0] > std::max(means[1], means[2])) << q;
    EXPECT_NEAR(scores[q], 1 / (1 + std::exp(std::max(means[1], means[2]) - means[0])), 1e-5) << q;
  }
}

TEST_F(Judges, RelativeLikelihoodDoesNotDependOnRanksOrCompany) {
  const auto together = likelihoods(world_, {0, 1, 2, 3, 2});
  EXPECT_EQ(together, likelihoods(alone_, {0, 1, 2, 3, 2}));
  EXPECT_EQ(together[2], together[4]);
}

TEST_F(Judges, OneDecidesAndTheOthersStandBeside) {
  const JudgePanel panel({.kind = "exact_match, rouge_l_recall, relative_likelihood"});
  ModelRecord target, unlearned;
  CellRecord cell;
  const std::vector<std::string> answers = {"Author 0", "I think Author 1", "?", "?"};
  panel.judge_model(own_answers_to_judge(alone_, model_, questions_, answers), true, target, cell);
  panel.judge_model(own_answers_to_judge(alone_, model_, questions_, {"", "", "", ""}), false, unlearned, cell);
  EXPECT_THAT(target.is_right, ElementsAre(1, 0, 0, 0));
  ASSERT_EQ(cell.judges.size(), 2U);
  EXPECT_EQ(cell.judges[0].name, "rouge_l_recall");
  EXPECT_THAT(cell.judges[0].target_is_right, ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(cell.judges[0].unlearned_is_right, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(cell.judges[1].target_score, cell.judges[1].unlearned_score) << "what is written does not matter";
}

TEST_F(Judges, AreCheckedOnKnownAnswers) {
  const auto found = JudgePanel({.kind = "rouge_l_recall, exact_match, relative_likelihood"})
                         .check(alone_, model_, questions_, nullptr, 64);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].judge, "rouge_l_recall");
  EXPECT_EQ(std::tie(found[0].right, found[0].rejected), std::tuple(2U, 1U));
  EXPECT_EQ(std::tie(found[0].wrong, found[0].accepted), std::tuple(8U, 0U));
  EXPECT_EQ(found[1].rejected, 2U);
  const auto likelihood = [&](const AskedQuestion& asked, const std::string& answer) {
    return mean_log_probability(
        score_answers(model_.transformer,
                      {{asked.prompt.ids, encode_answer(*model_.tokenizer, model_.prompt_template, answer)}})
            .front());
  };
  std::size_t rejected = 0, accepted = 0;
  for (const auto& asked : questions_) {
    const auto beats = [&](const std::string& answer, std::vector<std::string> others) {
      return std::ranges::all_of(others,
                                 [&](const auto& other) { return likelihood(asked, answer) > likelihood(asked, other); });
    };
    for (const auto& right : asked.pair.paraphrased) rejected += !beats(right, asked.pair.perturbed);
    for (const auto& wrong : asked.pair.perturbed) {
      auto others = asked.pair.perturbed;
      std::erase(others, wrong);
      others.push_back(asked.pair.answer);
      accepted += beats(wrong, others);
    }
  }
  EXPECT_EQ(std::tie(found[2].right, found[2].rejected), std::tuple(2U, rejected));
  EXPECT_EQ(std::tie(found[2].wrong, found[2].accepted), std::tuple(8U, accepted));
  for (auto& asked : questions_) asked.pair.paraphrased = asked.pair.perturbed = {};
  EXPECT_TRUE(JudgePanel({}).check(alone_, model_, questions_, nullptr, 64).empty());
}

class ExternalJudging : public Judges {
 protected:
  std::vector<double> scores(const Communicator& group, const std::vector<std::string>& answers) const {
    return make_judge({.kind = "external", .verdicts = file_.string()})
        ->scores(own_answers_to_judge(group, model_, questions_, answers));
  }
  std::vector<std::filesystem::path> open_files() const {
    std::vector<std::filesystem::path> files;
    const auto folder = file_.string() + ".open";
    if (std::filesystem::exists(folder))
      for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    return files;
  }
  /// Judges every open answer: right where it is the gold one.
  void judge_open_answers() const {
    std::string verdicts;
    for (const auto& file : open_files())
      for (const auto& text : split_list(read_file(file), '\n')) {
        const auto line = parse_json(text, "open");
        verdicts += Json({{"id", line["id"]}, {"right", line["gold"] == line["answer"]}}).dump() + "\n";
      }
    write_file_atomically(file_, verdicts);
  }

  const testing_support::SharedFolder folder_{world_};
  const std::filesystem::path file_ = folder_.path() / "verdicts.jsonl";
};

TEST_F(ExternalJudging, GoesByFiles) {
  const std::vector<std::string> answers = {questions_[0].pair.answer, "nobody", "", "nobody"};
  EXPECT_THAT(testing_support::message_of<UserError>([&] { scores(world_, answers); }),
              testing::AllOf(testing::HasSubstr("3 answer(s) have no verdict"), testing::HasSubstr(".open")));
  world_.barrier();
  EXPECT_EQ(open_files().size(), 1U) << "the root alone writes";
  world_.barrier();
  if (world_.is_root()) judge_open_answers();
  world_.barrier();
  EXPECT_THAT(scores(world_, answers), ElementsAre(1, 0, 0, 0)) << "an empty answer needs no verdict";
}

TEST_F(ExternalJudging, RefusesWhatIsNoVerdict) {
  if (!world_.is_root()) return;
  const auto refusal = [&](const std::string& line) {
    write_file_atomically(file_, line);
    return testing_support::message_of<UserError>([&] { scores(alone_, {"a", "a", "a", "a"}); });
  };
  EXPECT_THAT(refusal(R"({"id": "x"})"), testing::HasSubstr("'right' is missing"));
  EXPECT_THAT(refusal(R"({"id": "x", "right": 2})"), testing::HasSubstr("'right' is 2"));
  EXPECT_THAT(refusal(R"({"right": true})"), testing::HasSubstr("id"));
  EXPECT_THAT(refusal("[]"), testing::HasSubstr("no JSON object"));
  EXPECT_THAT(testing_support::message_of<UserError>([] { judge_rows({.kind = "external"}); }),
              testing::HasSubstr("'judge.verdicts' is empty"));
  EXPECT_THAT(testing_support::message_of<UserError>([] { judge_rows({.kind = "exact_match", .verdicts = "f"}); }),
              testing::HasSubstr("only the judge 'external' reads it"));
}

/// Measured by the authors of this test's numbers on TOFU's published answers: 24.5 % and 9.9 %.
TEST(JudgeCheck, OfTofuIsWhatIsKnownOfIt) {
  const std::filesystem::path folder = std::filesystem::path(UNPACT_TEST_DATA) / "tofu-eval";
  if (std::string(UNPACT_TEST_DATA).empty() || !std::filesystem::exists(folder)) GTEST_SKIP() << "no test data";
  std::vector<AskedQuestion> questions;
  for (auto& pair : read_question_lines(folder / "tofu_forget10_perturbed.jsonl"))
    questions.emplace_back().pair = std::move(pair);
  const Communicator alone;
  const auto found = JudgePanel({}).check(alone, testing_support::tiny_language_model(1), questions, nullptr, 64);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].right, 400U);
  EXPECT_NEAR(1 - static_cast<double>(found[0].rejected) / 400, 0.245, 0.0006);
  EXPECT_EQ(found[0].wrong, 2000U);
  EXPECT_NEAR(static_cast<double>(found[0].accepted) / 2000, 0.099, 0.0006);
}

}  // namespace
}  // namespace unpact
