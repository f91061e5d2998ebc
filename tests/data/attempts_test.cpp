#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "core/temporary_folder.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::message_of;

class WrittenAttempts : public testing::Test {
 protected:
  std::vector<std::string> read(const std::string& content) {
    const auto file = folder_.write("attempts.jsonl", content);
    return add_attempts(file, dataset_);
  }
  std::string refusal(const std::string& content) {
    return message_of<UserError>([&] { read(content); });
  }
  const std::vector<WrittenAttempt>& of(std::size_t question) const { return dataset_.forget_questions[question].attempts; }

  testing_support::TemporaryFolder folder_;
  Dataset dataset_ = [] {
    Dataset dataset;
    dataset.forget_questions = {{"Who wrote it?", "Mira Tal", {}}, {"When?", "In 1910", {}}};
    dataset.forget_questions[0].subject = "Port Ellis";
    dataset.retain_questions = {{"Where?", "Here", {}}};
    return dataset;
  }();
};

TEST_F(WrittenAttempts, BelongToTheirQuestionsByTextOrHash) {
  const auto lost = read(R"({"question": "Who wrote it?", "probe": "paraphrase", "attempt": "a", "prompt": "Its author?"}
{"question_sha256": ")" + sha256_of_bytes("When?") +
                         R"(", "probe": "Paraphrase", "prompt": "The year?", "gold": "1910"}

{"question": "When?", "probe": "paraphrase", "prompt": "Which year?", "prefill": "It was", "language": "en"}
{"question": "Where?", "split": "retain", "probe": "paraphrase", "prompt": "The place?"}
)");
  EXPECT_THAT(lost, IsEmpty());
  ASSERT_EQ(of(0).size(), 1U);
  EXPECT_EQ(of(0)[0].probe, "paraphrase");
  EXPECT_EQ(of(0)[0].attempt, "a");
  EXPECT_THAT(of(0)[0].turns, ElementsAre("Its author?"));
  ASSERT_EQ(of(1).size(), 2U);
  EXPECT_EQ(of(1)[0].gold, "1910");
  EXPECT_EQ(of(1)[1].attempt, "2");
  EXPECT_EQ(of(1)[1].prefill, "It was");
}

TEST_F(WrittenAttempts, MayHaveSeveralTurns) {
  read(R"([{"question": "When?", "probe": "talk", "messages": [{"role": "system", "content": "Be brief."},
          {"role": "user", "content": "Do you know it?"}, {"role": "assistant", "content": "{answer}"},
          {"role": "user", "content": "So when?"}]}])");
  EXPECT_EQ(of(1)[0].system, "Be brief.");
  EXPECT_THAT(of(1)[0].turns, ElementsAre("Do you know it?", "{answer}", "So when?"));
}

TEST_F(WrittenAttempts, AreReadAsRwkuAndTofuPublishThem) {
  const auto lost = read(R"x([
    {"query": "Whose name is on it?", "type": "prefix injection", "subject": "Port Ellis", "answer": "Mira Tal", "level": "3"},
    {"query": "Whose town is meant by \"Mira Tal\"?", "type": "reverse query", "subject": "Port Ellis", "answer": "Port Ellis"},
    {"query": "Whose town has Mira Tally?", "type": "reverse query", "subject": "Port Ellis", "answer": "Port Ellis"},
    {"query": "Whose?", "type": "cross lingual (French)", "subject": "Somebody else", "answer": "Mira Tal"}])x");
  ASSERT_THAT(of(0), testing::SizeIs(2));
  EXPECT_EQ(of(0)[0].probe, "rwku_prefix_injection");
  EXPECT_EQ(of(0)[0].gold, "") << "the question's";
  EXPECT_EQ(of(0)[1].probe, "rwku_reverse_query");
  EXPECT_EQ(of(0)[1].gold, "Port Ellis") << "it gives the answer and asks for the subject";
  EXPECT_THAT(lost, ElementsAre(HasSubstr("entry 3"), HasSubstr("rwku_cross_lingual_french")));
  read(R"({"question": "When?", "answer": "In 1910", "paraphrased_question": "Which year?"})");
  EXPECT_EQ(of(1)[0].probe, "paraphrase");
}

/// The published files of one person (level 2 asks plainly, level 3 attacks) and of TOFU.
TEST(PublishedAttempts, AreReadWhole) {
  const std::filesystem::path data(UNPACT_TEST_DATA);
  if (!std::filesystem::exists(data / "rwku/rwku_forget_level3.json")) GTEST_SKIP() << "UNPACT_TEST_DATA has no rwku";
  const auto ask_plainly = [](const Json& entries, const char* question) {
    Dataset dataset;
    for (const auto& entry : entries) {
      auto& pair = dataset.forget_questions.emplace_back();
      pair.question = entry.at(question).get<std::string>();
      pair.answer = entry.at("answer").get<std::string>();
      pair.subject = entry.value("subject", "");
    }
    return dataset;
  };
  const auto attacks = read_json_file(data / "rwku/rwku_forget_level3.json");
  auto rwku = ask_plainly(read_json_file(data / "rwku/rwku_forget_level2.json"), "query");
  auto lost = add_attempts(data / "rwku/rwku_forget_level3.json", rwku);
  std::set<std::string> names;
  std::map<std::string, std::string> gold;
  for (const auto& pair : rwku.forget_questions)
    for (const auto& attempt : pair.attempts) {
      names.insert(attempt.probe);
      gold.emplace(attempt.turns.front(), attempt.gold);
    }
  EXPECT_EQ(gold.size() + lost.size(), attacks.size()) << "each attack is asked or named";
  EXPECT_THAT(names, ElementsAre("rwku_context_hint", "rwku_reverse_query", "rwku_role_play", "rwku_synonym_manipulation"));
  rwku = ask_plainly(attacks, "query");  // as questions of their own each type has its place
  lost = add_attempts(data / "rwku/rwku_forget_level3.json", rwku);
  names.clear();
  for (const auto& pair : rwku.forget_questions)
    for (const auto& attempt : pair.attempts) names.insert(attempt.probe);
  EXPECT_THAT(names,
              ElementsAre("rwku_affirmative_suffix", "rwku_context_hint", "rwku_cross_lingual_french",
                          "rwku_cross_lingual_spanish", "rwku_incontext_learning", "rwku_multiple_choice",
                          "rwku_prefix_injection", "rwku_reverse_query", "rwku_role_play", "rwku_synonym_manipulation"));
  const auto file = data / "tofu-eval/tofu_forget10_perturbed.jsonl";
  std::ifstream lines(file);
  Dataset tofu;
  for (std::string line; std::getline(lines, line);) {
    auto& pair = tofu.forget_questions.emplace_back();
    pair.question = Json::parse(line).at("question").get<std::string>();
  }
  EXPECT_THAT(add_attempts(file, tofu), IsEmpty());
  ASSERT_EQ(tofu.forget_questions.size(), 400U);
  for (const auto& pair : tofu.forget_questions) EXPECT_THAT(pair.attempts, testing::SizeIs(1));
  EXPECT_THAT(tofu.forget_questions.front().attempts.front().turns.front(), HasSubstr("specializing in leadership topics"));
}

TEST_F(WrittenAttempts, DecideTheChecksum) {
  const auto before = dataset_checksum(dataset_);
  read(R"({"question": "When?", "probe": "p", "prompt": "Which year?"})");
  const auto with = dataset_checksum(dataset_);
  EXPECT_NE(with, before);
  dataset_.forget_questions[1].attempts[0].prefill = "In";
  EXPECT_NE(dataset_checksum(dataset_), with);
}

TEST_F(WrittenAttempts, ThatCannotBeAskedAreNamed) {
  const std::string begin = R"({"question": "When?", "probe": "p", )";
  EXPECT_THAT(refusal(begin + R"("prompt": "a", "messages": []})"), AllOf(HasSubstr("line 1"), HasSubstr("both")));
  EXPECT_THAT(refusal(begin + R"("attempt": "x"})"), HasSubstr("neither"));
  EXPECT_THAT(refusal(begin + R"("prompt": "  "})"), HasSubstr("'prompt' is empty"));
  EXPECT_THAT(refusal(begin + R"("prompt": 3})"), HasSubstr("prompt"));
  EXPECT_THAT(refusal(R"({"question": "When?", "probe": "a/b", "prompt": "x"})"), HasSubstr("no usable name"));
  EXPECT_THAT(refusal(begin + R"("messages": [{"role": "assistant", "content": "x"}]})"), HasSubstr("not user"));
  EXPECT_THAT(refusal(begin + R"("messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]})"),
              HasSubstr("last turn"));
  EXPECT_THAT(refusal(begin + R"("messages": [{"role": "user", "content": "{answer}?"}]})"), HasSubstr("holds {answer}"));
  EXPECT_THAT(refusal(begin + R"("prompt": "a", "choices": ["x"]})"), HasSubstr("'choices' is not read"));
  EXPECT_THAT(refusal(R"({"question": "What?", "probe": "p", "prompt": "x"})"),
              AllOf(HasSubstr("asks nothing of this dataset"), HasSubstr("line 1")));
  EXPECT_THAT(refusal(begin + R"("attempt": 1, "prompt": "a"})" + "\n" + begin + R"("attempt": "1", "prompt": "b"})"),
              AllOf(HasSubstr("line 2"), HasSubstr("twice")));
  EXPECT_THAT(refusal("[1]"), HasSubstr("entry 1 is no object"));
  EXPECT_THAT(refusal("\n"), HasSubstr("no attempts"));
  EXPECT_THAT(refusal(begin + R"("prompt": ""})"), HasSubstr("no prompt is filled in"));
  EXPECT_THAT(refusal("{\"question\": \"\xE9\"}"), AllOf(HasSubstr("line 1"), HasSubstr("UTF-8")));
}

}  // namespace
}  // namespace unpact
