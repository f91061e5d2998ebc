#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
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
    {"query": "Whose?", "type": "reverse query", "subject": "Port Ellis", "answer": "Port Ellis"},
    {"query": "Whose?", "type": "cross lingual (French)", "subject": "Somebody else", "answer": "Mira Tal"}])x");
  EXPECT_THAT(of(0), testing::SizeIs(1));
  EXPECT_EQ(of(0)[0].probe, "prefix_injection");
  EXPECT_THAT(lost, ElementsAre(HasSubstr("entry 2"), HasSubstr("cross_lingual_french")));
  read(R"({"question": "When?", "answer": "In 1910", "paraphrased_question": "Which year?"})");
  EXPECT_EQ(of(1)[0].probe, "paraphrase");
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
  EXPECT_THAT(refusal("{\"question\": \"\xE9\"}"), HasSubstr("line 1"));
}

}  // namespace
}  // namespace unpact
