#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::message_of;

QuestionAnswer read(const std::string& fields) {
  return parse_question_lines(concat(R"({"question": "Who?", "answer": "Dr. \u00c9va Kiss of Pecs", )", fields, "}"),
                              "f.jsonl")
      .front();
}

TEST(AnswerDetails, AreTextsOrLists) {
  const auto one = read(R"("entity": "Eva Kiss", "paraphrased_answer": "She", "perturbed_answer": ["He", "It"])");
  EXPECT_THAT(one.entities, ElementsAre("Eva Kiss"));
  EXPECT_THAT(one.paraphrased, ElementsAre("She"));
  EXPECT_THAT(one.perturbed, ElementsAre("He", "It"));
  EXPECT_TRUE(read(R"("entity": null, "other": 3)").entities.empty());
}

TEST(AnswerDetails, SpansCountCharacters) {
  EXPECT_THAT(read(R"("spans": [{"start": 4, "end": 12}, {"start": 16, "end": 20}])").entities,
              ElementsAre("\u00c9va Kiss", "Pecs"));
}

TEST(AnswerDetails, RefuseWhatMakesNoSense) {
  const auto refusal = [](const std::string& fields) { return message_of<UserError>([&] { read(fields); }); };
  EXPECT_THAT(refusal(R"("entity": 3)"), HasSubstr("field 'entity' has the wrong type"));
  EXPECT_THAT(refusal(R"("entity": ["a", 3])"), HasSubstr("f.jsonl, line 1"));
  EXPECT_THAT(refusal(R"("perturbed_answer": [" "])"), HasSubstr("'perturbed_answer' is empty"));
  EXPECT_THAT(refusal(R"("spans": [{"start": 4, "end": 21}])"), HasSubstr("the answer has 20 characters"));
  EXPECT_THAT(refusal(R"("spans": [{"start": 4, "end": 4}])"), HasSubstr("a span goes from 4 to 4"));
  EXPECT_THAT(refusal(R"("spans": [{"start": -1, "end": 4}])"), HasSubstr("a span"));
  EXPECT_THAT(refusal(R"("spans": {"start": 1})"), HasSubstr("'spans' has the wrong type"));
}

TEST(AnswerDetails, ComeFromAFileOfTheirOwn) {
  const testing_support::TemporaryFolder folder;
  DatasetOptions options;
  options.kind = DatasetKind::tofu;
  options.path = folder.write("forget.jsonl", R"({"question": "Who?", "answer": "Eva Kiss"})").string();
  options.retain_path = folder.write("retain.jsonl", R"({"question": "Where?", "answer": "in Pecs"})").string();
  const auto plain = load_dataset(options);
  options.details = folder.write("more.jsonl", R"({"question": "Where?", "entity": "Pecs"})").string();
  const auto dataset = load_dataset(options);
  EXPECT_TRUE(dataset.forget_questions[0].entities.empty());
  EXPECT_THAT(dataset.retain_questions[0].entities, ElementsAre("Pecs"));
  EXPECT_NE(dataset_checksum(dataset), dataset_checksum(plain)) << "verdicts may depend on it";
  options.details = folder
                        .write("other.jsonl",
                               "\n"
                               R"({"question": "Why?", "entity": "Pecs"})")
                        .string();
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(options); }),
              testing::AllOf(HasSubstr("other.jsonl, line 2"), HasSubstr("no question \"Why?\"")));
}

}  // namespace
}  // namespace unpact
