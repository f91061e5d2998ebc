#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <vector>

#include "src/evaluation/style_classifier.hpp"
#include "core/temporary_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "unpact/evaluation/judge.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

TEST(StyleClassifier, IsScikitLearnsLogisticRegression) {
  const std::filesystem::path path = UNPACT_FIXTURES "/evaluation/style.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is missing; make_fixtures.py writes it";
  const auto cases = Json::parse(read_file(path));
  ASSERT_EQ(cases.size(), 2U);
  for (const auto& one : cases) {
    std::vector<AuthorText> texts;
    for (const auto& text : one["texts"]) texts.push_back({text[0], text[1]});
    const StyleClassifier classifier(texts);
    ASSERT_EQ(classifier.authors().size(), one["chances"].size());
    for (const auto& [author, chances] : one["chances"].items())
      for (std::size_t i = 0; i < chances.size(); ++i)  // L-BFGS stops some 1e-7 before the minimum that both look for
        EXPECT_NEAR(classifier.probability(author, one["asked"][i].get<std::string>()), chances[i].get<double>(), 2e-6)
            << author << ", text " << i;
  }
}

TEST(LogisticRegression, StopsWhereNoDerivativeIsLeft) {
  const std::vector<SparseRow> rows = {{{0, 1.0}}, {{0, -0.5}, {1, 2.0}}, {{1, 0.25}}, {}};
  const std::vector<std::uint8_t> positive = {1, 0, 1, 0};
  const auto model = fit_logistic(rows, positive, 2, 3);
  double d0 = model.weights[0], d1 = model.weights[1], db = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double r = 3 * (model.probability(rows[i]) - positive[i]);
    for (const auto& [column, value] : rows[i]) (column == 0 ? d0 : d1) += r * value;
    db += r;
  }
  for (const double derivative : {d0, d1, db}) EXPECT_NEAR(derivative, 0, 1e-8);  // 1e-9 times C, and rounding
}

class StyleJudge : public testing::Test {
 protected:
  std::string write(const std::string& lines) const {
    const auto file = folder_.path() / "passages.jsonl";
    write_file_atomically(file, lines);
    return file.string();
  }
  static std::string line(const std::string& author, const std::string& text) {
    return Json({{"author", author}, {"text", text}}).dump() + "\n";
  }
  std::string two_authors() const {
    return write(line("Ann", "we beheld the tower, and lo, it fell") + line("Bob", "TOWER! FALLS! BOOM!") +
                 line("Ann", "and then we wept, as was our wont") + line("Bob", "NO TEARS. GO!"));
  }
  static QuestionAnswer by(const std::string& author) {
    QuestionAnswer pair{"Report as " + author + ": the tower", "it fell", {}};
    pair.subject = author;
    pair.where = "knowmem/forget_qa.json, entry 3";
    return pair;
  }
  std::string refusal(const std::string& lines) const {
    const auto file = write(lines);
    return message_of<UserError>([&] { make_judge({.kind = "style", .passages = file}); });
  }

  testing_support::TemporaryFolder folder_;
};

TEST_F(StyleJudge, TakesAnAnswerForItsAuthors) {
  const auto judge = make_judge({.kind = "style", .passages = two_authors()});
  EXPECT_EQ(judge->describe(), "style (Ann, Bob; 4 texts) >= 0.5");
  const auto right = [&](const char* author, const char* answer) {
    return judge->passes(judge->score_of(by(author), answer));
  };
  EXPECT_TRUE(right("Ann", "we saw that it was lost"));
  EXPECT_FALSE(right("Bob", "we saw that it was lost"));
  EXPECT_TRUE(right("Bob", "LOST! GONE!"));
  EXPECT_FALSE(right("Ann", "LOST! GONE!"));
  for (const char* author : {"Ann", "Bob"})
    EXPECT_EQ(judge->score_of(by(author), " \n"), 0) << "an empty answer is nobody's";
}

TEST_F(StyleJudge, RefusesTextsThatTeachNothing) {
  EXPECT_THAT(refusal(line("Ann", "a") + line("Ann", "b")), AllOf(HasSubstr("all 2 texts"), HasSubstr("one class")));
  EXPECT_THAT(refusal(line("Ann", "a") + line("Bob", " ")), AllOf(HasSubstr("passages.jsonl, line 2"), HasSubstr("'text'")));
  EXPECT_THAT(refusal(line("Ann", "a") + "{\"text\": \"b\"}\n"), AllOf(HasSubstr("line 2"), HasSubstr("'author'")));
  EXPECT_THAT(refusal("\"a text\"\n"), HasSubstr("line 1 has the wrong type"));
  EXPECT_THAT(refusal("\n"), HasSubstr("has no texts"));
  EXPECT_THAT(message_of<UserError>([] { judge_rows({.kind = "style"}); }), HasSubstr("'judge.passages' is empty"));
  EXPECT_THAT(message_of<UserError>([] { judge_rows({.passages = "somewhere"}); }), HasSubstr("only the judge 'style'"));
}

TEST_F(StyleJudge, RefusesAnAuthorWithoutTexts) {
  const JudgeOptions options{.kind = "style", .passages = two_authors()};
  const auto refused = [&](const QuestionAnswer& pair) {
    Dataset dataset;
    dataset.forget_questions = {by("Ann"), pair};
    dataset.retain_questions = {by("Bob")};
    return message_of<UserError>([&] { check_questions(options, dataset, 0); });
  };
  EXPECT_THAT(refused(by("Cid")), AllOf(HasSubstr("forget question 1"), HasSubstr("'Cid' has no passages"),
                                        HasSubstr("forget_qa.json, entry 3"), HasSubstr("Ann, Bob")));
  EXPECT_THAT(refused(by("")), AllOf(HasSubstr("names no author"), HasSubstr("entry 3")));
}

}  // namespace
}  // namespace unpact
