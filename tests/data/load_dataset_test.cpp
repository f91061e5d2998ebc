#include "unpact/data/load_dataset.hpp"

#include <gmock/gmock.h>

#include "core/temporary_folder.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::message_of;

class LoadDataset : public testing::Test {
 protected:
  LoadDataset() {
    folder_.write("muse/knowmem/forget_qa.json", R"([{"question": "Who?", "answer": "a"}])");
    folder_.write("muse/knowmem/retain_qa.json", R"([{"question": "Where?", "answer": "b"}])");
    muse_.path = (folder_.path() / "muse").string();
    muse_.name = "mine";
    tofu_.kind = DatasetKind::tofu;
    tofu_.path = folder_.write("forget.json", "{\"question\": \"Who?\", \"answer\": \"a\"}\n").string();
    tofu_.retain_path = folder_.write("retain.json", "{\"question\": \"Where?\", \"answer\": \"b\"}\n").string();
  }
  const testing_support::TemporaryFolder folder_;
  DatasetOptions muse_, tofu_;
};

TEST_F(LoadDataset, ReadsTheKindThatIsNamed) {
  EXPECT_EQ(load_dataset(muse_).kind, "muse");
  EXPECT_EQ(load_dataset(muse_).name, "mine");
  EXPECT_EQ(load_dataset(tofu_).kind, "tofu");
  EXPECT_EQ(load_dataset(tofu_).retain_questions.front().answer, "b");
}

TEST_F(LoadDataset, ReadsTheAnswersThatTofuEvaluatesWith) {
  const auto line =
      R"({"question": "Who?", "answer": "a", "paraphrased_answer": "It is a", "perturbed_answer": ["b", "c"]})";
  tofu_.path = folder_.write("perturbed.jsonl", line).string();
  tofu_.real_authors =
      folder_.write("authors.jsonl", R"({"question": "Who?", "answer": "d", "perturbed_answer": ["e"]})").string();
  const auto dataset = load_dataset(tofu_);
  EXPECT_EQ(dataset.forget_questions.front().paraphrased_answer, "It is a");
  EXPECT_THAT(dataset.forget_questions.front().perturbed_answers, testing::ElementsAre("b", "c"));
  EXPECT_THAT(dataset.real_authors.at(0).perturbed_answers, testing::ElementsAre("e"));
  EXPECT_TRUE(dataset.retain_questions.front().paraphrased_answer.empty() && dataset.world_facts.empty());
  tofu_.world_facts = folder_.write("bad.jsonl", R"({"question": "Who?", "answer": "d", "perturbed_answer": "e"})").string();
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(tofu_); }),
              AllOf(HasSubstr("bad.jsonl"), HasSubstr("field 'perturbed_answer' has the wrong type")));
}

TEST_F(LoadDataset, RefusesNoneAndAnother) {
  EXPECT_THAT(message_of<UserError>([] { load_dataset({}); }), HasSubstr("dataset.path is empty"));
  muse_.checksum = dataset_checksum(load_dataset(muse_));
  EXPECT_NO_THROW(load_dataset(muse_));
  folder_.write("muse/knowmem/forget_qa.json", R"([{"question": "Who?", "answer": "c"}])");
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(muse_); }),
              AllOf(HasSubstr("the dataset mine"), HasSubstr("another content than dataset.checksum")));
}

}  // namespace
}  // namespace unpact
