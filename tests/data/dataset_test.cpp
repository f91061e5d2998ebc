#include "unpact/data/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing_support::message_of;
using testing_support::TemporaryFolder;

constexpr const char* kPairs = R"([{"question": "Who?", "answer": "Ann"}, {"question": "When?", "answer": "1472"}])";

/// A folder with the two required files.
class MuseFolder : public TemporaryFolder {
 public:
  MuseFolder() {
    write("knowmem/forget_qa.json", kPairs);
    write("knowmem/retain_qa.json", R"([{"question": "Where?", "answer": "Here"}])");
  }
  Dataset read() const { return read_muse(path(), "test"); }
  std::string complaint() const {
    return message_of<UserError>([&] { read(); });
  }
};

TEST(ReadMuse, RequiredPartsAreEnough) {
  const MuseFolder folder;
  const auto dataset = folder.read();
  EXPECT_EQ(dataset.name, "test");
  EXPECT_EQ(dataset.kind, "muse");
  EXPECT_EQ(dataset.folder, folder.path());
  ASSERT_EQ(dataset.forget_questions.size(), 2u);
  EXPECT_EQ(dataset.forget_questions[1].question, "When?");
  EXPECT_EQ(dataset.forget_questions[1].answer, "1472");
  EXPECT_THAT(dataset.forget_questions[1].keys, IsEmpty());
  ASSERT_EQ(dataset.retain_questions.size(), 1u);
  EXPECT_EQ(dataset.retain_questions[0].answer, "Here");
  EXPECT_TRUE(dataset.forget_examples.empty() && dataset.retain_examples.empty() && dataset.forget_texts.empty() &&
              dataset.retain_texts.empty() && dataset.passages.empty() && dataset.privacy_forget.empty() &&
              dataset.privacy_retain.empty() && dataset.privacy_holdout.empty() && dataset.focus_questions.empty());
}

TEST(ReadMuse, EveryPartIsReadFromItsPlace) {
  const MuseFolder folder;
  const auto pair = [](const std::string& text) { return R"([{"question": "q", "answer": ")" + text + R"("}])"; };
  folder.write("knowmem/forget_qa_icl.json", pair("forget example"));
  folder.write("knowmem/retain_qa_icl.json", pair("retain example"));
  folder.write("raw/forget.json", R"(["one", "two"])");
  folder.write("raw/retain.json", R"([{"text": "three"}])");
  folder.write("verbmem/forget.json", R"([{"prompt": "start", "gt": "rest"}])");
  folder.write("privleak/forget.json", R"(["pf"])");
  folder.write("privleak/retain.json", R"(["pr"])");
  folder.write("privleak/holdout.json", R"(["ph"])");
  folder.write("focus/focus_qa.json", R"([{"question": "q", "answer": "a", "keys": ["k1", "k2"]}])");
  const auto dataset = folder.read();
  EXPECT_EQ(dataset.forget_examples.at(0).answer, "forget example");
  EXPECT_EQ(dataset.retain_examples.at(0).answer, "retain example");
  EXPECT_THAT(dataset.forget_texts, ElementsAre("one", "two"));
  EXPECT_THAT(dataset.retain_texts, ElementsAre("three"));
  EXPECT_EQ(dataset.passages.at(0).prompt, "start");
  EXPECT_EQ(dataset.passages.at(0).continuation, "rest");
  EXPECT_THAT(dataset.privacy_forget, ElementsAre("pf"));
  EXPECT_THAT(dataset.privacy_retain, ElementsAre("pr"));
  EXPECT_THAT(dataset.privacy_holdout, ElementsAre("ph"));
  EXPECT_THAT(dataset.focus_questions.at(0).keys, ElementsAre("k1", "k2"));
}

TEST(ReadMuse, OlderNamesAndPlainTextAreAccepted) {
  const TemporaryFolder folder;
  folder.write("knowmem/forget_qa.json", kPairs);
  folder.write("knowmem/retain2_qa.json", kPairs);
  folder.write("knowmem/retain2_qa_icl.json", kPairs);
  folder.write("raw/forget.txt", "one\n\ntwo");
  folder.write("raw/retain1.txt", "three");
  const auto dataset = read_muse(folder.path(), "old");
  EXPECT_EQ(dataset.retain_questions.size(), 2u);
  EXPECT_EQ(dataset.retain_examples.size(), 2u);
  EXPECT_THAT(dataset.forget_texts, ElementsAre("one\n\ntwo"));
  EXPECT_THAT(dataset.retain_texts, ElementsAre("three"));
}

TEST(ReadMuse, MarksAndCarriageReturnsOfPlainFilesAreNoText) {
  const TemporaryFolder folder;
  folder.write("knowmem/forget_qa.json", kPairs);
  folder.write("knowmem/retain_qa.json", "\xEF\xBB\xBF" + std::string(kPairs));
  folder.write("raw/forget.txt", "\xEF\xBB\xBFone\r\n\r\ntwo\rthree\r\n");
  folder.write("raw/retain.txt", "\xFF\xFEo\0n\0");
  EXPECT_THAT(message_of<UserError>([&] { read_muse(folder.path(), "old"); }), HasSubstr("it is UTF-16"));
  folder.write("raw/retain.txt", "a \xEF\xBB\xBF inside stays");
  const auto dataset = read_muse(folder.path(), "old");
  EXPECT_THAT(dataset.forget_texts, ElementsAre("one\n\ntwo\rthree\n"));
  EXPECT_THAT(dataset.retain_texts, ElementsAre("a \xEF\xBB\xBF inside stays"));
}

TEST(ReadMuse, MissingFoldersAndFilesAreNamed) {
  const MuseFolder folder;
  EXPECT_THAT(message_of<UserError>([&] { read_muse(folder.path() / "none", "news"); }),
              AllOf(HasSubstr("dataset news"), HasSubstr("not a folder")));
  std::filesystem::remove(folder.path() / "knowmem/retain_qa.json");
  EXPECT_THAT(folder.complaint(), HasSubstr("knowmem/retain_qa.json or knowmem/retain2_qa.json"));
  std::filesystem::remove(folder.path() / "knowmem/forget_qa.json");
  EXPECT_THAT(folder.complaint(), HasSubstr("knowmem/forget_qa.json"));
}

TEST(ReadMuse, MessagesNameFileEntryAndField) {
  const MuseFolder folder;
  struct Case {
    const char* content;
    const char* expected;
  };
  const Case cases[] = {
      {R"([{"question": "q", "answer": "a"}, {"question": "q"}])", ", entry 2: field 'answer' is missing"},
      {R"([{"answer": "a"}])", ", entry 1: field 'question' is missing"},
      {R"([{"question": "q", "answer": 7}])", ", entry 1: field 'answer' has the wrong type"},
      {R"([{"question": "q", "answer": null}])", ", entry 1: field 'answer' has the wrong type"},
      {R"([{"question": "q", "answer": " \n"}])", ", entry 1: field 'answer' is empty"},
      {R"([{"question": "", "answer": "a"}])", ", entry 1: field 'question' is empty"},
      {R"([{"question": "q\u0000", "answer": "a"}])", ", entry 1: field 'question' holds a NUL"},
      {R"([{"question": "q", "answer": "a", "keys": "k"}])", ", entry 1: field 'keys' has the wrong type"},
      {R"([{"question": "q", "answer": "a", "keys": [1]}])", ", entry 1: field 'keys' has the wrong type"},
      {R"([{"question": "q", "answer": "a", "keys": [""]}])", ", entry 1: a string in field 'keys' is empty"},
      {R"(["text"])", ", entry 1 is not a JSON object"},
      {R"([{"question": "q", "question": "q", "answer": "a"}])", "key 'question' appears twice"},
      {R"([])", "forget_qa.json has no questions"},
      {"{\n\"question\": \"q\", \"answer\": \"a\"}", "forget_qa.json is not a list"},
      {R"([{"question": "q", "answer": "a"})", "forget_qa.json is not valid JSON"},
      {"[{\"question\": \"q\xFF\", \"answer\": \"a\"}]", "forget_qa.json is not valid JSON"},
      {R"([{"question": "\ud800", "answer": "a"}])", "forget_qa.json is not valid JSON"},
      {"", "forget_qa.json is not valid JSON"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0", "it is a Git LFS pointer"},
      {"PAR1\x15", "it is a Parquet file"},
      {"\xFF\xFE[", "it is UTF-16"},
      {"<!DOCTYPE html><html>", "it is a web page"},
  };
  for (const auto& [content, expected] : cases) {
    folder.write("knowmem/forget_qa.json", content);
    EXPECT_THAT(folder.complaint(), AllOf(HasSubstr("knowmem/forget_qa.json"), HasSubstr(expected))) << content;
  }
  folder.write("knowmem/forget_qa.json", std::string("[\0 \0{\0}\0]\0", 10));
  EXPECT_THAT(folder.complaint(), HasSubstr("it is UTF-16"));
  folder.write("knowmem/forget_qa.json", std::string(100000, '['));
  EXPECT_THAT(folder.complaint(), HasSubstr("nested too deeply"));
}

TEST(ReadMuse, BrokenTextsAndPassagesAreNamed) {
  const MuseFolder folder;
  struct Case {
    const char* file;
    std::string content;
    const char* expected;
  };
  const Case cases[] = {
      {"raw/forget.json", R"(["a", 7])", ", entry 2 has the wrong type"},
      {"raw/forget.json", R"(["a", ""])", ", entry 2: the text is empty"},
      {"raw/forget.json", R"([{"txt": "a"}])", ", entry 1: field 'text' is missing"},
      {"raw/retain.txt", "a\xFF", "raw/retain.txt is not valid UTF-8"},
      {"raw/retain.txt", "", "raw/retain.txt: the text is empty"},
      {"verbmem/forget.json", R"([{"prompt": "a"}])", ", entry 1: field 'gt' is missing"},
      {"privleak/holdout.json", "{\n\"text\": \"a\"}", "holdout.json is not a list"},
      {"focus/focus_qa.json", R"([{"question": "q"}])", ", entry 1: field 'answer' is missing"},
  };
  for (const auto& [file, content, expected] : cases) {
    folder.write(file, content);
    EXPECT_THAT(folder.complaint(), AllOf(HasSubstr(file), HasSubstr(expected))) << content;
    std::filesystem::remove(folder.path() / file);
  }
}

TEST(ReadMuse, HugeFilesAreRefused) {
  const MuseFolder folder;
  std::filesystem::resize_file(folder.write("raw/forget.json", "["), (1ULL << 30) + 1);  // sparse
  EXPECT_THAT(folder.complaint(), AllOf(HasSubstr("raw/forget.json"), HasSubstr("more than the limit")));
}

TEST(ReadMuse, PublishedNews) {
  if (std::string(UNPACT_TEST_DATA).empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const auto dataset = read_muse(std::filesystem::path(UNPACT_TEST_DATA) / "muse-news", "news");
  EXPECT_EQ(dataset.forget_questions.size(), 100u);
  EXPECT_EQ(dataset.retain_questions.size(), 100u);
  EXPECT_EQ(dataset.forget_examples.size(), 10u);
  EXPECT_EQ(dataset.retain_examples.size(), 10u);
  EXPECT_EQ(dataset.forget_questions[0].question, "What year did the Orkney Islands become part of Scotland?");
  EXPECT_EQ(dataset.forget_questions[0].answer, "1472");
  EXPECT_THAT(dataset.forget_texts.at(0), StartsWith("Greek Prime Minister"));
  EXPECT_FALSE(dataset.retain_texts.empty());
  EXPECT_THAT(dataset.passages.at(0).prompt, StartsWith("now, everyone should"));
  EXPECT_FALSE(dataset.privacy_forget.empty() || dataset.privacy_retain.empty() || dataset.privacy_holdout.empty());
}

TEST(ReadMuse, OwnDemonstrationSet) {
  const auto folder = std::filesystem::path(UNPACT_SOURCE_DIR) / "configs/datasets/demo";
  if (!std::filesystem::exists(folder / "knowmem/retain_qa.json")) GTEST_SKIP() << "no demonstration set";
  EXPECT_NO_THROW(read_muse(folder, "demo"));
}

TEST(ReadQuestionLines, ReadsLineByLine) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("qa.json", "{\"question\": \"a\", \"answer\": \"b\"}\r\n\n{\"question\":\"c\",\"answer\":\"d\"}");
  const auto questions = read_question_lines(file);
  ASSERT_EQ(questions.size(), 2u);
  EXPECT_EQ(questions[0].answer, "b");
  EXPECT_EQ(questions[1].question, "c");
}

TEST(ReadQuestionLines, MessagesNameTheLine) {
  const TemporaryFolder folder;
  const std::string good = "{\"question\": \"a\", \"answer\": \"b\"}\n";
  const auto complaint = [&](const std::string& content) {
    const auto file = folder.write("qa.json", content);
    return message_of<UserError>([&] { read_question_lines(file); });
  };
  EXPECT_THAT(complaint(good + "{\"question\": \"a\"}"), HasSubstr("qa.json, line 2: field 'answer' is missing"));
  EXPECT_THAT(complaint(good + "\n{\"question\": \"a\", \"answer\": \"\"}"), HasSubstr("line 3: field 'answer' is empty"));
  EXPECT_THAT(complaint(good + "oops\n"), HasSubstr("qa.json, line 2 is not valid JSON"));
  EXPECT_THAT(complaint(good + "[1]\n"), HasSubstr("qa.json, line 2 is not a JSON object"));
  EXPECT_THAT(complaint("\n\n"), HasSubstr("qa.json has no questions"));
  EXPECT_THAT(message_of<UserError>([&] { read_question_lines(folder.path() / "none.json"); }), HasSubstr("no such file"));
}

TEST(ReadTofu, ReadsBothFiles) {
  const TemporaryFolder folder;
  const auto forget = folder.write("f.json", R"({"question": "a", "answer": "b"})");
  const auto retain = folder.write("r.json", R"({"question": "c", "answer": "d"})");
  const auto dataset = read_tofu(forget, retain, "authors");
  EXPECT_EQ(dataset.name, "authors");
  EXPECT_EQ(dataset.kind, "tofu");
  EXPECT_EQ(dataset.folder, folder.path());
  EXPECT_EQ(dataset.forget_questions.at(0).question, "a");
  EXPECT_EQ(dataset.retain_questions.at(0).question, "c");
}

TEST(ReadTofu, PublishedFiles) {
  if (std::string(UNPACT_TEST_DATA).empty()) GTEST_SKIP() << "UNPACT_TEST_DATA is not set";
  const auto folder = std::filesystem::path(UNPACT_TEST_DATA) / "tofu";
  const auto dataset = read_tofu(folder / "forget10.json", folder / "retain90_first400.json", "tofu");
  EXPECT_EQ(dataset.forget_questions.size(), 400u);
  EXPECT_EQ(dataset.retain_questions.size(), 400u);
  EXPECT_THAT(dataset.forget_questions[0].question, HasSubstr("05/11/1991"));
}

}  // namespace
}  // namespace unpact
