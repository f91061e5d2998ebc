// Files of an older minor version: what was added later is missing, and everything else is there.
#include <gmock/gmock.h>

#include "store/cell_support.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"
#include "../../src/store/seal.hpp"

namespace unpact::test {
namespace {

using testing_support::message_of;

class OlderFile : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};
  std::filesystem::path path = folder.path() / "cell.h5";

  /// Takes out of a file what was added to version 1.`minor`.
  void make_older(int minor) {
    {
      const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)));
      UNPACT_HDF5(H5Adelete(file, "halves"));
      for (const char* name : {"/metrics", "/questions/half", "/knowledge", "/probes/focus_on_key/asked",
                               "/probes/probab/asked", "/training/forget_norm", "/training/retain_norm", "/curves", "/depth",
                               "/trajectory", "/mix", "/probes/focus_on_key/trained", "/probes/probab/trained"})
        UNPACT_HDF5(H5Ldelete(file, name, H5P_DEFAULT));
      for (const char* name : {"processes", "environment"})
        if (minor < 6) UNPACT_HDF5(H5Adelete(file, name));
      if (minor < 5) UNPACT_HDF5(H5Adelete(file, "compute_dtype"));
      for (const char* name : {"candidates", "turned"})
        if (minor < 5) UNPACT_HDF5(H5Ldelete(file, concat("/verification/", name).c_str(), H5P_DEFAULT));
      if (minor < 3)
        for (const char* probe : {"/probes/focus_on_key", "/probes/probab"})
          for (const char* name : {"label", "kind"}) UNPACT_HDF5(H5Adelete_by_name(file, probe, name, H5P_DEFAULT));
      if (minor < 2)
        for (const char* name : {"/work/peak_memory", "/work/operations", "/verification"})
          UNPACT_HDF5(H5Ldelete(file, name, H5P_DEFAULT));
      if (minor == 0) take_out_certainty(file);
    }
    append_seal(path);
  }

  /// Such files know no halves, not what is left, and none of the field's metrics.
  static void without_evidence(CellRecord& record) {
    record.metrics = {};
    record.questions.half.clear();
    record.knowledge = {};
    record.halves.clear();
    for (auto& probe : record.probes) probe.asked.clear(), probe.trained.clear();
    for (auto& step : record.training) step.term_norms.clear();
    without_weights(record);
  }

  /// Nor curves, depth and the way to the model.
  static void without_weights(CellRecord& record) {
    record.trajectory = {};
    record.mix = {};
    record.curves.clear();
    record.depth = {};
  }

  /// Such files do not say who made them.
  static void without_processes(CellRecord& record) {
    without_evidence(record);
    record.provenance.processes.clear();
    record.provenance.environment.clear();
  }

  /// Such files are of models in float32 and do not count verdicts.
  static void without_dtypes(CellRecord& record) {
    without_processes(record);
    record.compute_dtype = "fp32";
    for (auto& row : record.verification) row.candidates = row.turned = 0;
  }

  /// Such files name probes by their groups alone.
  static void without_labels(CellRecord& record) {
    for (auto& probe : record.probes) {
      probe.label = probe.name;
      probe.kind = ProbeKind::probe;
    }
  }

 private:
  static void take_out_certainty(hid_t file) {
    for (const char* model : {"target", "unlearned"})
      for (const char* answer : {"gold", "own"})
        for (const char* name : {"standard_errors", "estimate", "key_token_uncertain", "mean_log_probability",
                                 "completeness_error", "surrogate_r2"})
          UNPACT_HDF5(H5Ldelete(file, concat("/", model, "/", answer, "/", name).c_str(), H5P_DEFAULT));
    for (const char* name : {"attribution_method", "attribution_settings"}) UNPACT_HDF5(H5Adelete(file, name));
  }
};

TEST_F(OlderFile, OfVersion17HasNoEndsThresholdsAndNormsOfTerms) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  {
    const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)));
    for (const char* part : {"/target/gold", "/target/own", "/unlearned/gold", "/unlearned/own"})
      for (const char* name : {"/end_log_probabilities", "/end_entry"})
        UNPACT_HDF5(H5Ldelete(file, concat(part, name).c_str(), H5P_DEFAULT));
    for (const char* name : {"/judge_check/threshold", "/judge_check/calibrated_on", "/training/forget_norm",
                             "/training/retain_norm", "/curves", "/depth", "/trajectory", "/mix"})
      UNPACT_HDF5(H5Ldelete(file, name, H5P_DEFAULT));
  }
  append_seal(path);
  for (auto* model : {&record.target, &record.unlearned})
    for (auto* part : {&model->gold, &model->own}) part->end_log_probabilities = {};
  for (auto& row : record.judge_check) {
    row.threshold = JudgeCheckRecord().threshold;
    row.calibrated_on = 0;
  }
  for (auto& step : record.training) step.term_norms.clear();
  without_weights(record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, OfVersionOneZeroIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  record.attribution_method = "leave_one_out";
  write_cell_file({}, path, record);
  make_older(0);
  const auto read = read_cell_file(path);
  EXPECT_EQ(read.attribution_method, "leave_one_out");
  EXPECT_EQ(read.target.gold.contributions.values, record.target.gold.contributions.values);
  EXPECT_EQ(read.unlearned.own.is_key_token.offsets, record.unlearned.own.is_key_token.offsets);
  EXPECT_EQ(read.target.gold.is_uncertain.rows(), 0U);
  EXPECT_TRUE(read.target.gold.mean_log_probability.empty());
  EXPECT_EQ(read.rates.size(), record.rates.size());
}

TEST_F(OlderFile, OfVersionOneOneIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  make_older(1);
  const auto read = read_cell_file(path);
  EXPECT_EQ(read.work.size(), record.work.size());
  for (const auto& stage : read.work) EXPECT_TRUE(std::isnan(stage.peak_memory)) << "unknown, not nothing";
  EXPECT_TRUE(read.verification.empty());
  for (auto& stage : record.work) stage.peak_memory = stage.operations = kNan;
  record.verification.clear();
  without_labels(record);
  without_dtypes(record);
  expect_equal(read, record);
}

TEST_F(OlderFile, OfVersionOneTwoIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  make_older(2);
  without_labels(record);
  without_dtypes(record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, OfVersionOneFourIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  make_older(4);
  without_dtypes(record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, OfVersionOneFiveIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  make_older(5);
  without_processes(record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, OfVersionOneSixIsRead) {
  if (!world.is_root()) return;
  auto record = make_record({});
  write_cell_file({}, path, record);
  make_older(6);
  without_evidence(record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, MetricsThatDoNotFitAreNotWritten) {
  if (!world.is_root()) return;
  auto record = make_record({});
  record.metrics.rows[0].larger_says = "nothing";
  EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure);
  record = make_record({});
  record.metrics.rows[1].name = record.metrics.rows[0].name;
  EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure);
  record = make_record({});
  record.metrics.target_items.add({1});
  EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(OlderFile, ADtypeThatNoModelAnswersInIsNotWritten) {
  if (!world.is_root()) return;
  for (const char* dtype : {"", "auto", "fp8", "bfloat16"}) {
    auto record = make_record({});
    record.compute_dtype = dtype;
    EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure) << dtype;
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(OlderFile, AProbeOfAnUnknownKindIsRefused) {
  if (!world.is_root()) return;
  write_cell_file({}, path, make_record({}));
  {
    const hdf5::Id file(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)));
    const hdf5::Id group(UNPACT_HDF5(H5Gopen2(file, "/probes/probab", H5P_DEFAULT)));
    UNPACT_HDF5(H5Adelete(group, "kind"));
    const hdf5::Id type = hdf5::text_type(), space(UNPACT_HDF5(H5Screate(H5S_SCALAR)));
    const hdf5::Id kind(UNPACT_HDF5(H5Acreate2(group, "kind", type, space, H5P_DEFAULT, H5P_DEFAULT)));
    const char* text = "guess";
    UNPACT_HDF5(H5Awrite(kind, type, &text));
  }
  append_seal(path);
  EXPECT_THAT(message_of<UserError>([&] { read_cell_file(path); }), testing::HasSubstr("'guess'"));
}

TEST_F(OlderFile, ProbesComeInTheOrderOfTheirRates) {
  if (!world.is_root()) return;
  auto record = make_record({});
  std::swap(record.probes[0], record.probes[1]);
  record.rates = {{"recovery_probab", 0, 0, kNan, 0, 1}, {"recovery_focus_on_key", 0, 0, kNan, 0, 1}};
  write_cell_file({}, path, record);
  expect_equal(read_cell_file(path), record);
}

TEST_F(OlderFile, AVerificationThatFitsNoCellIsNotWritten) {
  if (!world.is_root()) return;
  const std::vector<VerificationRecord> bad = {{"other", 1, 0, 0},       {"target", 0, 0, 0},    {"target", 10, 0, 0},
                                               {"target", 1, -1, 0},     {"target", 1, kNan, 0}, {"target", 1, 0, 9},
                                               {"target", 1, 0, 0, 4, 5}};
  for (const auto& row : bad) {
    auto record = make_record({});  // of 9 questions
    record.verification = {row};
    EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure) << row.model << row.questions;
    record.verification = {{"target", 1, 0, 0}, {"target", 1, 0, 0}};
    EXPECT_THROW(write_cell_file({}, path, record), RuntimeFailure);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace unpact::test
