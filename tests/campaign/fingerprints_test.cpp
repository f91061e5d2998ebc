#include "unpact/campaign/fingerprints.hpp"

#include <gmock/gmock.h>

#include <map>

#include "options/changed_option.hpp"
#include "small_campaign.hpp"
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::change;
using testing_support::write_text;
using testing_support::written_at;

class Fingerprints : public testing_support::SmallCampaign {
 protected:
  /// What decides each thing that is made.
  std::map<Made, std::string> all(const Configuration& c) const {
    const auto data = c.dataset.checksum.empty() ? "data" : c.dataset.checksum;
    const InputChecksums inputs{data, "model", "tokenizer", c.model.config_checksum};
    const auto of_file = [&](Made made) {
      Provenance p;
      p.resolved_configuration = resolved_configuration(c, made, inputs);
      return fingerprint_of(p);
    };
    return {{Made::target, target_fingerprint(session_, c, data)},
            {Made::baseline, of_file(Made::baseline)},
            {Made::cell, of_file(Made::cell)},
            {Made::training, training_identity(c, inputs)}};
  }
};

TEST_F(Fingerprints, ChangeWithExactlyTheOptionsThatSaySo) {
  Configuration defaults, c;
  const auto before = all(defaults);
  for (std::size_t i = 0; i < option_table(defaults).size(); ++i) {
    c = defaults;
    const auto option = option_table(c)[i];
    if (option.role == Role::input_path) continue;  // contents count: below
    change(option);
    for (const auto& [made, text] : all(c))
      EXPECT_EQ(text != before.at(made), option.affects.has(made)) << option.key << " " << name_of_value(made);
  }
}

TEST_F(Fingerprints, HoldWhatLiesAtAPathAndNotThePath) {
  if (session_.is_root()) {
    write_text(folder_ / "a.txt", "I do not know.\n");
    write_text(folder_ / "b.txt", "I do not know.\n");
    write_text(folder_ / "c.txt", "I cannot say.\n");
    std::filesystem::copy(folder_ / "model", folder_ / "same");
    save_checkpoint(folder_ / "other", testing_support::small_config(),
                    testing_support::tiny_transformer(2, testing_support::small_config()).weights(),
                    testing_support::trained_tokenizer());
  }
  world_.barrier();
  const auto at = [&](const char* answers, const char* model) {
    auto c = configuration();
    c.method.forget = "dpo";
    c.method.alternates = (folder_ / answers).string();
    c.model.path = (folder_ / model).string();
    return all(c);
  };
  const auto before = at("a.txt", "model");
  EXPECT_EQ(at("b.txt", "same"), before);
  const auto other_answers = at("c.txt", "model"), other_start = at("a.txt", "other");
  EXPECT_EQ(other_answers.at(Made::target), before.at(Made::target));
  EXPECT_EQ(other_answers.at(Made::baseline), before.at(Made::baseline));
  EXPECT_NE(other_answers.at(Made::cell), before.at(Made::cell));
  EXPECT_NE(other_answers.at(Made::training), before.at(Made::training));
  EXPECT_NE(other_start.at(Made::target), before.at(Made::target));
}

TEST_F(Fingerprints, HoldTheDataAndTheModelThatIsTrained) {
  const auto c = configuration();
  EXPECT_NE(target_fingerprint(session_, c, "data"), target_fingerprint(session_, c, "other"));
  const auto identity = [&](const InputChecksums& inputs) { return training_identity(c, inputs); };
  const auto before = identity({"data", "m", "t", "c"});
  EXPECT_NE(identity({"other", "m", "t", "c"}), before);
  EXPECT_NE(identity({"data", "other", "t", "c"}), before);
  EXPECT_NE(identity({"data", "m", "other", "c"}), before);
  EXPECT_NE(identity({"data", "m", "t", "other"}), before);
}

/// What is written on the disk decides what is made again, file by file.
class ChangedInputs : public Fingerprints {
 protected:
  /// Fingerprints of the target's answers and of a cell, as loaded from the disk.
  std::pair<std::string, std::string> made(const Configuration& c) {
    const Session session(world_, c.run);  // a job of its own
    world_.barrier();
    const auto baseline = prepare_baseline(session, c, out_);
    Provenance p;
    p.resolved_configuration =
        resolved_configuration(c, Made::cell, checksums_of(baseline.dataset_checksum, baseline.target));
    p.model_checksum = baseline.record.provenance.model_checksum;
    return {fingerprint_of(baseline.record.provenance), fingerprint_of(p)};
  }
  /// Collective: replaces text of a file of the model.
  void edit(const std::string& name, const std::string& from, const std::string& to) {
    world_.barrier();
    if (session_.is_root()) {
      auto text = read_file(folder_ / name);
      ASSERT_NE(text.find(from), std::string::npos) << text;
      write_text(folder_ / name, text.replace(text.find(from), from.size(), to));
    }
    world_.barrier();
  }
};

TEST_F(ChangedInputs, ConfigAndGenerationConfigMakeAnswersAndCellsAnew) {
  const auto c = configuration();
  const auto first = made(c);
  EXPECT_EQ(made(c), first);
  edit("model/config.json", "\"rope_theta\": 10000.0", "\"rope_theta\": 5000.0");
  const auto rotated = made(c);
  EXPECT_NE(rotated.first, first.first);
  EXPECT_NE(rotated.second, first.second);
  edit("model/config.json", "\"rope_theta\": 5000.0", "\"rope_theta\": 10000.0");
  EXPECT_EQ(made(c), first);
  edit("model/generation_config.json", "\"eos_token_id\": 2", "\"eos_token_id\": [2, 1]");
  const auto ended = made(c);
  EXPECT_NE(ended.first, first.first);
  EXPECT_NE(ended.second, first.second);
}

TEST_F(ChangedInputs, PathsAsSpelledDecideNothing) {
  const auto first = made(configuration());
  world_.barrier();
  if (session_.is_root()) {
    std::filesystem::create_directory(folder_ / "elsewhere");
    std::filesystem::copy(folder_ / "model", folder_ / "elsewhere/model", std::filesystem::copy_options::recursive);
    std::filesystem::copy(folder_ / "data", folder_ / "elsewhere/data", std::filesystem::copy_options::recursive);
    std::filesystem::create_directory_symlink(folder_ / "elsewhere", folder_ / "link");
  }
  world_.barrier();
  for (const std::string place : {"./", "data/../", "elsewhere/", "link/"})
    for (const std::string end : {"", "/"}) {
      auto c = configuration();
      c.model.path = (folder_ / (place + "model" + end)).string();
      c.dataset.path = (folder_ / (place + "data" + end)).string();
      EXPECT_EQ(made(c), first) << place << " " << end;
    }
  auto c = configuration();
  c.model.path = std::filesystem::relative(folder_ / "model").string();
  c.dataset.path = std::filesystem::relative(folder_ / "data").string();
  EXPECT_EQ(made(c), first);
}

TEST_F(ChangedInputs, AStartThatChangesMakesTheTargetAnew) {
  auto c = with_made_target();
  const auto before = target_fingerprint(session_, c, "data");
  edit("model/config.json", "\"rope_theta\": 10000.0", "\"rope_theta\": 5000.0");
  const auto rotated = target_fingerprint(session_, c, "data");
  EXPECT_NE(rotated, before);
  c.model.path = c.model.config;
  const auto from_weights = target_fingerprint(session_, c, "data");
  edit("model/generation_config.json", "\"eos_token_id\": 2", "\"eos_token_id\": [2, 1]");
  EXPECT_NE(target_fingerprint(session_, c, "data"), from_weights);
}

/// One option of each kind is added; what is made again is seen on the disk.
TEST_F(Fingerprints, OfAnAddedOptionMakeTheRightThingsAgain) {
  std::map<Made, std::int64_t> values;
  OptionTable rows = {{"extra.nothing", "of a test", &values[static_cast<Made>(99)], Affects{}}};
  for (const auto made : {Made::target, Made::baseline, Made::cell, Made::training})
    rows.push_back({"extra." + name_of_value(made), "of a test", &values[made], Affects{made}});
  const AddedOptions added(rows);
  const auto c = with_made_target();
  const auto target = out_ / "models/model__dataset/model.safetensors", answers = out_ / "baselines/model__dataset.h5";
  run_cell(session_, world_, prepare_baseline(session_, c, out_), c, out_);
  auto before = all(c);
  auto target_time = written_at(target), answers_time = written_at(answers);
  for (const auto& row : rows) {
    world_.barrier();
    change(row);
    const auto baseline = prepare_baseline(session_, c, out_);
    EXPECT_EQ(written_at(target) != target_time, row.affects.has(Made::target)) << row.key;
    EXPECT_EQ(written_at(answers) != answers_time, row.affects.has(Made::baseline)) << row.key;
    EXPECT_EQ(!is_cell_done(baseline, c, out_), row.affects.has(Made::cell)) << row.key;
    EXPECT_EQ(all(c).at(Made::training) != before.at(Made::training), row.affects.has(Made::training)) << row.key;
    world_.barrier();
    if (row.affects.has(Made::cell)) run_cell(session_, world_, baseline, c, out_);
    before = all(c);
    target_time = written_at(target), answers_time = written_at(answers);
  }
}

}  // namespace
}  // namespace unpact
