#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;
using testing_support::TemporaryFolder;

Json question(const std::string& text, int answer) {
  return {{"question", text}, {"choices", {"one", "two", "three", "four"}}, {"answer", answer}};
}

/// A file of WMDP's and MMLU's folder with two subjects.
class ChoiceFolder : public TemporaryFolder {
 public:
  ChoiceFolder() {
    write("bio.json", Json::array({question(" Which cell? ", 2), question("Which gene?", 0)}).dump());
    auto astronomy = question("Which star?", 3);
    astronomy["subject"] = "astronomy";
    write("mmlu/astronomy_test.json", Json::array({astronomy}).dump());
    write("mmlu/global_facts_test.json", Json::array({question("How many?", 1), question("How few?", 1)}).dump());
    write("mmlu/global_facts_dev.json", "not read");
  }
  Dataset read(const MultipleChoicePaths& more = {}) const {
    return read_multiple_choice({path() / "bio.json", path() / "mmlu", more.forget_texts, more.retain_texts}, "wmdp",
                                "test");
  }
};

TEST(MultipleChoice, QuestionsWithTheirChoices) {
  const auto dataset = ChoiceFolder().read();
  EXPECT_EQ(dataset.kind, "wmdp");
  ASSERT_EQ(dataset.forget_questions.size(), 2u);
  const auto& first = dataset.forget_questions[0];
  EXPECT_EQ(first.question, "Which cell?") << "white space around it is not the question's";
  EXPECT_EQ(first.answer, "C");
  EXPECT_THAT(first.choices, ElementsAre("one", "two", "three", "four"));
  EXPECT_EQ(first.introduction, "The following are multiple choice questions (with answers) about biology.\n\n");
  EXPECT_EQ(question_text(first.question, first.choices), "Which cell?\nA. one\nB. two\nC. three\nD. four");
  EXPECT_EQ(question_text("Who?", {}), "Who?");
  EXPECT_THAT(dataset.forget_texts, IsEmpty());
}

TEST(MultipleChoice, AnswersAreSaidInFourForms) {
  const auto read = [](AnswerForm form, const Json& answer) {
    const ChoiceFolder folder;
    Json entry = {{"ask", "Which cell?"}, {"options", {"one", "two", "three", "four"}}, {"key", answer}};
    folder.write("bio.json", Json::array({entry}).dump());
    folder.write("retain.json", Json::array({entry}).dump());
    return read_multiple_choice({folder.path() / "bio.json", folder.path() / "retain.json", {}, {}}, "wmdp", "test",
                                {"ask", "key", "options", form})
        .forget_questions.front()
        .answer;
  };
  EXPECT_EQ(read(AnswerForm::number, 1), "B");
  EXPECT_EQ(read(AnswerForm::number_from_one, 1), "A");
  EXPECT_EQ(read(AnswerForm::number, "3"), "D");
  EXPECT_EQ(read(AnswerForm::number_from_one, " 4"), "D");
  for (const char* letter : {" C ", "c", "(C)", "C.", "c)"}) EXPECT_EQ(read(AnswerForm::letter, letter), "C") << letter;
  EXPECT_EQ(read(AnswerForm::text, "four"), "D");
  EXPECT_EQ(read(AnswerForm::text, " four\n"), "D");
  const auto refusal = [&](AnswerForm form, const Json& answer) {
    return message_of<UserError>([&] { read(form, answer); });
  };
  EXPECT_THAT(refusal(AnswerForm::number, 4), AllOf(HasSubstr("'key' is 4"), HasSubstr("0 to 3")));
  EXPECT_THAT(refusal(AnswerForm::number_from_one, 0), AllOf(HasSubstr("'key' is 0"), HasSubstr("1 to 4")));
  EXPECT_THAT(refusal(AnswerForm::number, "C"), AllOf(HasSubstr("'key' is 'C'"), HasSubstr("dataset.answer_form")));
  EXPECT_THAT(refusal(AnswerForm::number_from_one, "5"), HasSubstr("1 to 4"));
  EXPECT_THAT(refusal(AnswerForm::letter, "E"), AllOf(HasSubstr("'E'"), HasSubstr("A to D")));
  for (const char* text : {"()", "CC", "(", "\u00e9"}) EXPECT_THAT(refusal(AnswerForm::letter, text), HasSubstr("A to D"));
  EXPECT_THAT(refusal(AnswerForm::letter, 2), HasSubstr("key"));
  EXPECT_THAT(refusal(AnswerForm::text, "five"), AllOf(HasSubstr("'five'"), HasSubstr("none of the choices")));
}

TEST(MultipleChoice, FilesOfAFolderTakeTurns) {
  const auto dataset = ChoiceFolder().read();
  std::vector<std::string> questions;
  for (const auto& pair : dataset.retain_questions) questions.push_back(pair.question);
  EXPECT_THAT(questions, ElementsAre("Which star?", "How many?", "How few?"));
  EXPECT_THAT(dataset.retain_questions[0].introduction, HasSubstr("about astronomy."));
  EXPECT_THAT(dataset.retain_questions[1].introduction, HasSubstr("about global facts."));
}

TEST(MultipleChoice, Corpora) {
  const ChoiceFolder folder;
  const auto lines = folder.write("forget.jsonl", "{\"title\": \"t\", \"text\": \"a virus\"}\n\n\"a gene\"\n");
  const auto list = folder.write("retain.json", "[\"a flower\"]");
  const auto dataset = folder.read({{}, {}, lines, list});
  EXPECT_THAT(dataset.forget_texts, ElementsAre("a virus", "a gene"));
  EXPECT_THAT(dataset.retain_texts, ElementsAre("a flower"));
  folder.write("forget.jsonl", "{\"text\": \"a\"}\n{\"abstract\": \"b\"}\n");
  EXPECT_THAT(message_of<UserError>([&] {
                folder.read({{}, {}, lines, {}});
              }),
              AllOf(HasSubstr("forget.jsonl, line 2"), HasSubstr("'text'")));
  folder.write("forget.jsonl", "{\"text\": \"a\"}\n7\n");
  EXPECT_THAT(message_of<UserError>([&] {
                folder.read({{}, {}, lines, {}});
              }),
              AllOf(HasSubstr("line 2"), HasSubstr("expected a string")));
  EXPECT_THAT(message_of<UserError>([&] {
                folder.read({{}, {}, folder.path() / "none.jsonl", {}});
              }),
              HasSubstr("none.jsonl"));
}

TEST(MultipleChoice, BreakagesNameFileEntryAndField) {
  const auto complaint = [](const std::function<void(Json&)>& edit) {
    const ChoiceFolder folder;
    auto entry = question("Which?", 1);
    edit(entry);
    folder.write("bio.json", Json::array({question("Fine?", 0), entry}).dump());
    return message_of<UserError>([&] { folder.read(); });
  };
  const auto names = [](const std::string& field) { return AllOf(HasSubstr("bio.json, entry 2"), HasSubstr(field)); };
  EXPECT_THAT(complaint([](Json& e) { e.erase("question"); }), names("'question'"));
  EXPECT_THAT(complaint([](Json& e) { e["question"] = " \n"; }), names("'question'"));
  EXPECT_THAT(complaint([](Json& e) { e.erase("choices"); }), names("'choices'"));
  EXPECT_THAT(complaint([](Json& e) { e["choices"] = "one"; }), names("'choices'"));
  EXPECT_THAT(complaint([](Json& e) {
                e["choices"] = {"a", "b", "c"};
              }),
              AllOf(names("'choices'"), HasSubstr("a list of 3")));
  EXPECT_THAT(complaint([](Json& e) { e["choices"][2] = 3; }), names("'choices'"));
  EXPECT_THAT(complaint([](Json& e) { e["choices"][3] = ""; }), names("choice D"));
  EXPECT_THAT(complaint([](Json& e) { e.erase("answer"); }), names("'answer'"));
  EXPECT_THAT(complaint([](Json& e) { e["answer"] = 4; }), names("'answer' is 4"));
  EXPECT_THAT(complaint([](Json& e) { e["answer"] = -1; }), names("'answer' is -1"));
  EXPECT_THAT(complaint([](Json& e) { e["answer"] = "B"; }), names("'answer'"));
  EXPECT_THAT(complaint([](Json& e) { e["subject"] = 7; }), names("'subject'"));
  EXPECT_THAT(complaint([](Json& e) { e = "text"; }), names("not a JSON object"));
}

TEST(MultipleChoice, PathsThatCannotBe) {
  const ChoiceFolder folder;
  const auto complaint = [](const MultipleChoicePaths& paths) {
    return message_of<UserError>([&] { read_multiple_choice(paths, "mmlu", "test"); });
  };
  EXPECT_THAT(complaint({folder.path() / "bio.json", {}, {}, {}}),
              AllOf(HasSubstr("no retain questions"), HasSubstr("dataset.retain_path")));
  EXPECT_THAT(complaint({folder.path() / "none.json", folder.path() / "mmlu", {}, {}}), HasSubstr("none.json"));
  EXPECT_THAT(complaint({folder.path(), folder.path() / "mmlu", {}, {}}), HasSubstr("no files *_test.json"));
  folder.write("empty.json", "[]");
  EXPECT_THAT(complaint({folder.path() / "empty.json", folder.path() / "mmlu", {}, {}}),
              HasSubstr("empty.json has no questions"));
}

TEST(MultipleChoice, TheChecksumSeesChoices) {
  const ChoiceFolder folder;
  const auto before = dataset_checksum(folder.read());
  EXPECT_EQ(before, dataset_checksum(folder.read()));
  auto changed = folder.read();
  changed.forget_questions[1].choices[2] = "other";
  EXPECT_NE(dataset_checksum(changed), before);
}

TEST(MultipleChoice, PublishedFiles) {
  const auto folder = fs::path(UNPACT_TEST_DATA) / "mmlu-slice";
  if (std::string(UNPACT_TEST_DATA).empty() || !fs::exists(folder)) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const auto dataset = read_multiple_choice({folder / "astronomy_test.json", folder, {}, {}}, "mmlu", "slice");
  EXPECT_EQ(dataset.forget_questions.size(), 152u);
  EXPECT_EQ(dataset.retain_questions.size(), 1028u);
  EXPECT_EQ(dataset.forget_questions[0].answer, "A");
  EXPECT_THAT(dataset.retain_questions[2].introduction, HasSubstr("about elementary mathematics."));
}

}  // namespace
}  // namespace unpact
