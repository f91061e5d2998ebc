#include "unpact/campaign/baseline.hpp"

#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing_support::write_text;
using testing_support::written_at;

class BaselineOf : public testing_support::SmallCampaign {
 protected:
  const std::filesystem::path file_ = out_ / "baselines/model__dataset.h5";
};

TEST_F(BaselineOf, ATargetIsMadeOnceAndReadAfterwards) {
  const auto first = prepare_baseline(session_, configuration(), out_);
  EXPECT_EQ(first.questions.size(), 3U);
  EXPECT_EQ(first.record.method, "none");
  EXPECT_FALSE(std::filesystem::exists(out_ / "baselines/model__dataset.unfinished"));
  const auto written = written_at(file_);
  world_.barrier();
  const auto again = prepare_baseline(session_, configuration(), out_);
  EXPECT_EQ(written_at(file_), written);
  EXPECT_EQ(again.record.target.answer, first.record.target.answer);
  EXPECT_EQ(again.record.provenance.started, first.record.provenance.started) << "it is that of the file";
}

TEST_F(BaselineOf, ATargetDoesNotDependOnHowItWillBeUnlearned) {
  prepare_baseline(session_, configuration(), out_);
  const auto written = written_at(file_);
  world_.barrier();
  auto c = configuration();
  c.method.name = "npo";
  c.method.forget = "npo";
  c.unlearn.train.epochs = 9;
  c.train.dtype = ComputeType::bf16;
  prepare_baseline(session_, c, out_);
  EXPECT_EQ(written_at(file_), written);
}

TEST_F(BaselineOf, OtherDataIsAnother) {
  const auto first = prepare_baseline(session_, configuration(), out_);
  world_.barrier();
  if (session_.is_root())
    write_text(folder_ / "data/knowmem/retain_qa.json", R"([{"question": "Where is the river?", "answer": "in town"}])");
  world_.barrier();
  const auto second = prepare_baseline(session_, configuration(), out_);
  EXPECT_NE(second.dataset_checksum, first.dataset_checksum);
  EXPECT_EQ(second.record.questions.gold_answer.back(), "in town");
}

TEST_F(BaselineOf, AMovedModelIsTheSame) {
  prepare_baseline(session_, configuration(), out_);
  const auto written = written_at(file_);
  world_.barrier();
  if (session_.is_root()) {
    std::filesystem::rename(folder_ / "model", folder_ / "moved");
    std::filesystem::rename(folder_ / "data", folder_ / "elsewhere");
  }
  world_.barrier();
  auto c = configuration();
  c.model.path = (folder_ / "moved").string();
  c.dataset.path = (folder_ / "elsewhere").string();
  prepare_baseline(session_, c, out_);
  EXPECT_EQ(written_at(file_), written);
}

TEST_F(BaselineOf, AConfigurationInTheFileMakesTheSameAgain) {
  auto c = with_made_target();
  c.finetune.train.epochs = 2;
  const auto first = prepare_baseline(session_, c, out_);
  if (session_.is_root()) write_text(folder_ / "said.ini", first.record.provenance.resolved_configuration);
  world_.barrier();
  const auto read = CommandLine("attribute", {"--config", (folder_ / "said.ini").string(), "--device", "cpu"}).resolve();
  const auto second = prepare_baseline(session_, read, folder_ / "again");
  EXPECT_EQ(fingerprint_of(second.record.provenance), fingerprint_of(first.record.provenance));
  EXPECT_EQ(second.record.provenance.model_checksum, first.record.provenance.model_checksum);
  EXPECT_THAT(first.record.provenance.resolved_configuration, Not(HasSubstr("[unlearn]")));
}

}  // namespace
}  // namespace unpact
