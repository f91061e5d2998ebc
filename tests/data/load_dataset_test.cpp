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
  EXPECT_THAT(dataset.forget_questions.front().paraphrased, testing::ElementsAre("It is a"));
  EXPECT_THAT(dataset.forget_questions.front().perturbed, testing::ElementsAre("b", "c"));
  EXPECT_THAT(dataset.real_authors.at(0).perturbed, testing::ElementsAre("e"));
  EXPECT_TRUE(dataset.retain_questions.front().paraphrased.empty() && dataset.world_facts.empty());
  tofu_.world_facts = folder_.write("bad.jsonl", R"({"question": "Who?", "answer": "d", "perturbed_answer": 3})").string();
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(tofu_); }),
              AllOf(HasSubstr("bad.jsonl"), HasSubstr("field 'perturbed_answer' has the wrong type")));
}

class ForgetSets : public LoadDataset {
 protected:
  std::string refusal(const std::string& chosen) {
    muse_.forget_set = chosen;
    return message_of<UserError>([&] { load_dataset(muse_); });
  }
};

TEST_F(ForgetSets, OfGrowingSizeMustBeNested) {
  folder_.write("muse/scal/forget_1.json", R"(["a text"])");
  folder_.write("muse/scal/forget_2.json", R"(["b text", "a text"])");
  muse_.forget_set = "scal/2";
  EXPECT_THAT(load_dataset(muse_).forget_texts, testing::ElementsAre("b text", "a text"));
  folder_.write("muse/scal/forget_3.json", R"(["b text", "c text"])");
  for (const auto* chosen : {"scal/1", "scal/3"})
    EXPECT_THAT(refusal(chosen), AllOf(HasSubstr("not nested"), HasSubstr("text 2 of"), HasSubstr("forget_2.json is not in"),
                                       HasSubstr("forget_3.json")));
  EXPECT_THAT(refusal("scal/4"), AllOf(HasSubstr("no forget set scal/4"), HasSubstr("there are 3 files")));
}

TEST_F(ForgetSets, ThatFollowEachOtherMustShareNothing) {
  folder_.write("muse/sust/forget_1.json", R"(["a text"])");
  folder_.write("muse/sust/forget_2.json", R"(["b text"])");
  muse_.forget_set = "sust/1";
  EXPECT_THAT(load_dataset(muse_).forget_texts, testing::ElementsAre("a text"));
  folder_.write("muse/sust/forget_3.json", R"(["c text", "a text"])");
  EXPECT_THAT(refusal("sust/2"), AllOf(HasSubstr("share a text"), HasSubstr("text 2 of"), HasSubstr("forget_1.json")));
}

TEST_F(ForgetSets, AreOfPlainTextToo) {
  folder_.write("muse/scal/forget_1.txt", "first document");
  folder_.write("muse/scal/forget_2.txt", "first document\n\nsecond document");
  muse_.forget_set = "scal/1";
  EXPECT_THAT(load_dataset(muse_).forget_texts, testing::ElementsAre("first document"));
}

TEST_F(ForgetSets, HaveTwoNames) {
  for (const auto* name :
       {"scal", "scal/", "scal/0", "scal/x", "more/1", "scal/1/2", "../raw/1", "sust/99999999999999999999"})
    EXPECT_THAT(refusal(name), HasSubstr("it names a folder and a number")) << name;
  tofu_.forget_set = "scal/1";
  EXPECT_THAT(message_of<UserError>([&] { load_dataset(tofu_); }), HasSubstr("only MUSE's layout"));
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
