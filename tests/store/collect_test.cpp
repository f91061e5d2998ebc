#include "unpact/store/collect.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "store/cell_support.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"
#include "../../src/store/reader.hpp"

namespace unpact::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// Collecting is one rank's work: here root does it while the others wait.
class Collect : public testing::Test {
 protected:
  Communicator world = Communicator::world();
  SharedFolder folder{world};

  PlannedCell add(const std::string& id, const std::function<void(CellRecord&)>& change = {}) {
    CellRecord record = make_record({});
    record.id = id;
    if (change) change(record);
    PlannedCell cell = plan(id);
    write_cell_file({}, cell.file, record);
    cell.fingerprint = fingerprint_of(record.provenance);
    return cell;
  }
  PlannedCell plan(const std::string& id) { return {id, "toy", "news", "npo", 41, folder.path() / "cells" / (id + ".h5")}; }
  fs::path campaign() const { return folder.path() / "campaign.h5"; }
};

TEST_F(Collect, ListsFinishedMissingAndBrokenCells) {
  if (!world.is_root()) return;
  std::vector<PlannedCell> cells = {add("b"), plan("c"), add("a"), add("d"), add("group/e")};
  fs::resize_file(cells[3].file, fs::file_size(cells[3].file) / 2);
  for (int pass = 0; pass < 2; ++pass) {  // again is harmless
    const CollectSummary summary = collect_campaign(folder.path(), cells);
    EXPECT_EQ(summary.finished, 3U);
    EXPECT_EQ(summary.missing, 1U);
    EXPECT_EQ(summary.broken, 1U);
    const hdf5::Reader file(campaign());
    EXPECT_EQ(file.text("schema_name"), "unpact-campaign");
    EXPECT_EQ(file.integer("broken"), 1);
    EXPECT_THAT(file.strings("/status/id"), ElementsAre("a", "b", "c", "d", "group/e"));
    EXPECT_THAT(file.numbers<std::uint8_t>("/status/state"), ElementsAre(0, 0, 1, 2, 0));
    EXPECT_THAT(file.strings("/status/file")[0], "cells/a.h5");
    EXPECT_THAT(file.strings("/status/sha256")[0], sha256_of_file(cells[2].file));
    EXPECT_THAT(file.strings("/status/reason")[2], HasSubstr("no such file"));
    EXPECT_THAT(file.strings("/status/reason")[3], HasSubstr("does not end with a seal"));
    EXPECT_THAT(file.strings("/metrics/id"), ElementsAre("a", "b", "group/e"));
    EXPECT_THAT(file.members("/"), ElementsAre("metrics", "status")) << "no links, which netCDF's readers cannot follow";
  }
}

TEST_F(Collect, TakesCellsOfItsSettingsAlone) {
  if (!world.is_root()) return;
  auto own = add("a"), changed = add("b"), unknown = add("c"), failed = plan("d");
  changed.fingerprint = failed.fingerprint = std::string(64, 'f');
  unknown.fingerprint.clear();
  add("unplanned");
  write_failed_cell(folder.path(), {"d", failed.fingerprint, "it diverged", "the loss is nan", "", "", ""});
  const auto summary = collect_campaign(folder.path(), {own, changed, unknown, failed});
  EXPECT_EQ(summary.describe(), "1 cell(s) finished, 2 missing, 0 broken, 1 failed, 3 of other settings");
  EXPECT_THAT(summary.finished_files, ElementsAre(own.file));
  const hdf5::Reader file(campaign());
  const auto short_name = own.fingerprint.substr(0, 12);
  EXPECT_THAT(file.strings("/status/id"),
              ElementsAre("a", "b", "b." + short_name, "c", "c." + short_name, "d", "unplanned"));
  EXPECT_THAT(file.numbers<std::uint8_t>("/status/state"), ElementsAre(0, 1, 4, 1, 4, 3, 4));
  EXPECT_THAT(file.strings("/metrics/id"), ElementsAre("a"));
  EXPECT_THAT(file.strings("/status/reason")[5], HasSubstr("it diverged: the loss is nan"));
  EXPECT_EQ(file.integer("other"), 3);
}

TEST_F(Collect, KeepsCellsOfOtherSettingsAndFindsThemAgain) {
  if (!world.is_root()) return;
  const auto cell = add("a");
  EXPECT_FALSE(keep_other_cell(folder.path(), "a", cell.fingerprint)) << "its own settings need not give way";
  const auto kept = keep_other_cell(folder.path(), "a", std::string(64, 'f'));
  ASSERT_TRUE(kept);
  EXPECT_FALSE(fs::exists(cell.file));
  EXPECT_EQ(find_finished_cell(folder.path(), "a", cell.fingerprint), kept);
  EXPECT_EQ(collect_campaign(folder.path(), {cell}).finished, 1U) << "whatever it is called now";
  std::ofstream(cell.file) << "torn";
  EXPECT_FALSE(keep_other_cell(folder.path(), "a", std::string(64, 'f'))) << "what is broken is not worth keeping";
}

TEST_F(Collect, RemembersThePlan) {
  if (!world.is_root()) return;
  EXPECT_FALSE(read_plan(folder.path()));
  auto a = add("a"), b = plan("b");
  write_plan(folder.path(), {a, b});
  const auto read = read_plan(folder.path());
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[0].fingerprint, a.fingerprint);
  EXPECT_EQ((*read)[0].file, a.file);
  EXPECT_EQ((*read)[1].id, "b");
  std::ofstream(folder.path() / "plan.json") << "{";
  EXPECT_THROW(read_plan(folder.path()), UserError);
}

TEST_F(Collect, WithoutAPlanTakesWhatComparesWithTheSameAnswers) {
  if (!world.is_root()) return;
  const auto of = [](const char* baseline, const char* ended) {
    return [=](CellRecord& cell) {
      cell.provenance.baseline_fingerprint = baseline;
      cell.provenance.ended = ended;
    };
  };
  add("old", of("1", "2026-01-01T00:00:00Z"));
  add("new", of("2", "2026-01-02T00:00:00Z"));
  add("new-too", of("2", "2026-01-01T00:00:00Z"));
  const auto found = find_cells(folder.path());
  EXPECT_EQ(found.size(), 2U);
  EXPECT_EQ(collect_campaign(folder.path(), found).describe(),
            "2 cell(s) finished, 0 missing, 0 broken, 0 failed, 1 of other settings");
}

TEST_F(Collect, PathsSurviveMovingTheFolder) {
  if (!world.is_root()) return;
  collect_campaign(folder.path(), {add("a"), add("group/e")});
  const fs::path moved = folder.path() / "moved";
  fs::create_directory(moved);
  fs::rename(campaign(), moved / "campaign.h5");
  fs::rename(folder.path() / "cells", moved / "cells");
  const hdf5::Reader file(moved / "campaign.h5");
  for (const auto& name : file.strings("/status/file")) EXPECT_FALSE(read_cell_file(moved / name).work.empty()) << name;
}

TEST_F(Collect, TabulatesRatesShiftsAndSeconds) {
  if (!world.is_root()) return;
  const auto a = add("a", [](CellRecord& cell) {
    cell.rates = {{"recovery", 1, 4, 0.25, 0.1, 0.4}};
    cell.work = {{{}, "unlearn", 2}, {{}, "ask it", 1}, {{}, "unlearn", 3}};
    cell.questions.split = {0, 0, 0, 0, 0, 1, 1, 1, 1};
    cell.outcome = {2, 2, 2, 1, 0, 3, 3, 3, 3};
    cell.focus_shift.set_cosine = {0.5, kNan, 0.25, 1, 0, kNan, kNan, kNan, kNan};
  });
  const auto b = add("b", [](CellRecord& cell) {
    cell.rates = {{"destruction", 0, 0, kNan, kNan, kNan}};
    cell.work.clear();
  });
  collect_campaign(folder.path(), {a, b});
  const hdf5::Reader file(campaign());
  const auto real = [&](const std::string& name) { return file.numbers<double>("/metrics/" + name); };
  const auto count = [&](const std::string& name) { return file.numbers<std::uint64_t>("/metrics/" + name); };
  EXPECT_THAT(real("recovery"), ElementsAre(0.25, testing::NanSensitiveDoubleEq(kNan)));
  EXPECT_THAT(real("recovery_high"), ElementsAre(0.4, testing::NanSensitiveDoubleEq(kNan)));
  EXPECT_THAT(count("recovery_total"), ElementsAre(4, 0));
  EXPECT_THAT(count("destruction_count"), ElementsAre(0, 0));
  EXPECT_THAT(real("seconds_unlearn"), ElementsAre(5, testing::NanSensitiveDoubleEq(kNan)));
  EXPECT_THAT(real("seconds_ask_it"), ElementsAre(1, testing::NanSensitiveDoubleEq(kNan)));
  EXPECT_DOUBLE_EQ(real("focus_shift_forgotten")[0], (0.5 + 0.75) / 2);
  EXPECT_EQ(count("focus_shift_forgotten_count")[0], 2U);
  EXPECT_DOUBLE_EQ(real("focus_shift_forget")[0], (0.5 + 0.75 + 0 + 1) / 4);
  EXPECT_DOUBLE_EQ(real("focus_shift_retained")[0], 0);
  EXPECT_TRUE(std::isnan(real("focus_shift_kept")[0]));
}

TEST_F(Collect, FindsCellsWithoutAPlan) {
  if (!world.is_root()) return;
  EXPECT_THROW(find_cells(folder.path()), UserError);
  add("b");
  add("a");
  std::ofstream(folder.path() / "cells" / "noise.h5") << "not HDF5";
  std::ofstream(folder.path() / "cells" / ".c.h5.tmp.1") << "left over";
  std::ofstream(folder.path() / "cells" / ".c.h5") << "hidden";
  const auto cells = find_cells(folder.path());
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_EQ(cells[0].id, "a");
  EXPECT_EQ(cells[0].method, "npo");
  EXPECT_EQ(cells[0].seed, 41);
  EXPECT_EQ(cells[2].id, "noise");
  EXPECT_EQ(collect_campaign(folder.path(), cells).broken, 1U);
}

TEST_F(Collect, WorksWithoutAnyCell) {
  if (!world.is_root()) return;
  EXPECT_EQ(collect_campaign(folder.path(), {}).finished, 0U);
  EXPECT_TRUE(hdf5::Reader(campaign()).strings("/metrics/id").empty());
}

TEST_F(Collect, ReplacesNothingWhereItReadsNothing) {
  if (!world.is_root()) return;
  const auto cell = add("a");
  collect_campaign(folder.path(), {cell});
  const auto before = sha256_of_file(campaign());
  fs::resize_file(cell.file, 100);
  EXPECT_FALSE(collect_campaign(folder.path(), {plan("b")}).written);
  const auto summary = collect_campaign(folder.path(), {cell});
  EXPECT_FALSE(summary.written);
  EXPECT_THAT(summary.broken_reasons, ElementsAre(HasSubstr("a: ")));
  EXPECT_EQ(sha256_of_file(campaign()), before);
  fs::remove(campaign());
  EXPECT_FALSE(collect_campaign(folder.path(), {cell}).written);
  EXPECT_FALSE(fs::exists(campaign()));
}

TEST_F(Collect, IsLeftBetweenTwoCells) {
  if (!world.is_root()) return;
  const std::vector<PlannedCell> cells = {add("a"), add("b")};
  int looked_at = 0;
  EXPECT_THROW(collect_campaign(folder.path(), cells,
                                [&] {
                                  if (++looked_at == 2) throw RuntimeFailure("stop", "", "");
                                }),
               RuntimeFailure);
  EXPECT_FALSE(fs::exists(campaign()));
}

TEST_F(Collect, RefusesIdsThatCannotBePaths) {
  if (!world.is_root()) return;
  for (const char* id : {"", "/a", "a/", "a/../b", "."})
    EXPECT_THROW(collect_campaign(folder.path(), {plan(id)}), UserError);
  EXPECT_THROW(collect_campaign(folder.path(), {plan("a"), plan("a")}), UserError);
}

TEST_F(Collect, DoesNotTakeAnotherCellsFile) {
  if (!world.is_root()) return;
  add("a");
  fs::copy_file(plan("a").file, plan("b").file);
  EXPECT_EQ(collect_campaign(folder.path(), {plan("a"), plan("b")}).broken, 1U);
}

}  // namespace
}  // namespace unpact::test
