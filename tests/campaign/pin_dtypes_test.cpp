#include "unpact/campaign/pin_dtypes.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "small_campaign.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::message_of;

/// A campaign whose checkpoint is stored in bfloat16.
class Dtypes : public testing_support::SmallCampaign {
 protected:
  Dtypes() {
    if (world_.is_root()) {
      SaveOptions options;
      options.dtype = at::kBFloat16;
      save_checkpoint(folder_ / "halves", testing_support::small_config(),
                      testing_support::tiny_transformer(1, testing_support::small_config()).weights(),
                      testing_support::trained_tokenizer(), options);
    }
    world_.barrier();
  }
  Configuration asked_in(ModelDtype dtype) const {
    auto c = configuration();
    c.model.path = (folder_ / "halves").string();
    c.model.dtype = dtype;
    pin_dtypes(c, at::kCPU);
    return c;
  }
  static std::string said_by(const std::filesystem::path& folder) {
    return read_json_file(folder / "config.json")["torch_dtype"].get<std::string>();
  }
};

TEST_F(Dtypes, ArePinnedToWhatTheyComeTo) {
  Configuration c;
  EXPECT_EQ(c.model.dtype, ModelDtype::automatic);
  EXPECT_EQ(c.train.dtype, ComputeType::automatic);
  pin_dtypes(c, at::kCPU);
  EXPECT_EQ(c.model.dtype, ModelDtype::fp32);
  EXPECT_EQ(c.train.dtype, ComputeType::fp32);
  EXPECT_EQ(asked_in(ModelDtype::bf16).model.dtype, ModelDtype::bf16);
  EXPECT_THAT(message_of<UserError>([&] { asked_in(ModelDtype::tf32); }), HasSubstr("model.dtype"));
}

TEST_F(Dtypes, OfAPlanArePinnedAndThoseThatTheDeviceLacksAreFound) {
  auto c = configuration();
  c.model.dtype = ModelDtype::automatic;
  c.train.dtype = ComputeType::automatic;
  std::vector<Pair> plan = {{c, {c}}};
  check_plan(session_, 1, plan);
  for (const auto* pinned : {&plan[0].configuration, &plan[0].cells[0]}) {
    EXPECT_EQ(pinned->model.dtype, ModelDtype::fp32);
    EXPECT_EQ(pinned->train.dtype, ComputeType::fp32);
  }
  c.model.dtype = ModelDtype::tf32;
  plan = {{c, {c}}};
  EXPECT_THAT(message_of<UserError>([&] { check_plan(session_, 1, plan); }), HasSubstr("'tf32'"));
  plan = {{configuration(), {configuration()}}};
  plan[0].cells[0].model.dtype = ModelDtype::bf16;
  EXPECT_THAT(message_of<UserError>([&] { check_plan(session_, 1, plan); }), HasSubstr("says it for itself"));
}

TEST_F(Dtypes, DecideAnswersAndCellsButNoTargetAndNoTraining) {
  const auto wide = asked_in(ModelDtype::fp32), half = asked_in(ModelDtype::bf16);
  const InputChecksums inputs{"data", "model", "tokenizer", "config"};
  for (const auto made : {Made::baseline, Made::cell})
    EXPECT_NE(settings_of(wide, made, inputs), settings_of(half, made, inputs));
  EXPECT_EQ(target_fingerprint(session_, wide, "data"), target_fingerprint(session_, half, "data"));
  EXPECT_EQ(training_identity(wide, inputs), training_identity(half, inputs));
}

TEST_F(Dtypes, OfTwoKindsAreNeverMixed) {
  const auto wide = asked_in(ModelDtype::automatic), half = asked_in(ModelDtype::bf16);
  const auto before = prepare_baseline(session_, wide, out_);
  const auto first = run_cell(session_, world_, before, wide, out_);
  EXPECT_EQ(before.record.compute_dtype, "fp32");
  EXPECT_EQ(first.compute_dtype, "fp32");
  const auto after = prepare_baseline(session_, half, out_);
  EXPECT_EQ(after.target.transformer.weights().embedding_VD.scalar_type(), at::kBFloat16);
  EXPECT_EQ(after.record.compute_dtype, "bf16");
  EXPECT_FALSE(is_cell_done(after, half, out_));
  const auto second = run_cell(session_, world_, after, half, out_);
  EXPECT_EQ(second.compute_dtype, "bf16");
  EXPECT_GT(second.noise_floor, first.noise_floor) << "measured in the dtype that is used";
  EXPECT_EQ(read_cell_file(out_ / "cells" / (second.id + ".h5")).compute_dtype, "bf16");
  ASSERT_EQ(second.training.size(), first.training.size());
  for (std::size_t i = 0; i < first.training.size(); ++i)
    EXPECT_EQ(second.training[i].loss, first.training[i].loss) << "no training depends on it";
}

/// What is trained starts from the files, whatever its target answers in.
TEST_F(Dtypes, DoNotRoundWhatATrainingStartsFrom) {
  for (const auto shard : {Shard::automatic, Shard::none}) {
    auto wide = configuration();
    wide.train.shard = shard;
    wide.method.forget = "npo";  // asks the target
    auto half = wide;
    half.model.dtype = ModelDtype::bf16;
    const auto first = run_cell(session_, world_, prepare_baseline(session_, wide, out_), wide, out_),
               second = run_cell(session_, world_, prepare_baseline(session_, half, out_), half, out_);
    ASSERT_FALSE(first.training.empty());
    for (std::size_t i = 0; i < first.training.size(); ++i)
      EXPECT_EQ(second.training[i].loss, first.training[i].loss) << name_of_value(shard);
  }
}

TEST_F(Dtypes, OfSavedModelsAreThoseOfTheirSource) {
  std::map<at::ScalarType, std::string> checksums;
  for (const auto dtype : {ModelDtype::fp32, ModelDtype::bf16, ModelDtype::fp16}) {
    auto from_halves = asked_in(dtype), from_singles = configuration();
    from_singles.model.dtype = dtype;
    for (const auto& [c, stored] : {std::pair(from_halves, at::kBFloat16), std::pair(from_singles, at::kFloat)}) {
      auto saving = c;
      saving.campaign.save_models = true;
      const auto record = run_cell(session_, world_, prepare_baseline(session_, saving, out_), saving, out_);
      world_.barrier();
      EXPECT_EQ(stored_dtype(out_ / "models" / record.id), stored);
      const auto checksum = weights_checksum(out_ / "models" / record.id);
      EXPECT_EQ(checksums.emplace(stored, checksum).first->second, checksum) << "rounded once, whatever answers";
      EXPECT_EQ(said_by(out_ / "models" / record.id), stored == at::kFloat ? "float32" : "bfloat16");
      world_.barrier();
    }
  }
}

TEST_F(Dtypes, OfATargetThatIsMadeAreThoseOfItsStart) {
  auto c = asked_in(ModelDtype::fp32);
  c.model.make_target = true;
  c.finetune.train.batch_size = c.finetune.train.micro_batch = 3;
  const auto dataset = load_dataset(c.dataset);
  prepare_model(session_, c, dataset, out_ / "made");
  EXPECT_EQ(stored_dtype(out_ / "made"), at::kBFloat16);
  prepare_model(session_, with_made_target(), dataset, out_ / "random");
  EXPECT_EQ(stored_dtype(out_ / "random"), at::kFloat);
}

}  // namespace
}  // namespace unpact
