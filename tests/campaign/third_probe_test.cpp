// A probe that is only a class and a row of a table comes through to record, file, campaign file and table.
#include <gmock/gmock.h>

#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/store/campaign_table.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace {

using testing::HasSubstr;
using testing_support::SharedFolder;
using testing_support::tiny_language_model;

/// Knows the right answer, at its last attempt.
class Crib : public Probe {
 public:
  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    for (std::size_t a = 0; a < task.budget; ++a) record.attempt_labels.push_back(concat("look ", a));
    for (const auto q : task.probed)
      for (std::size_t a = 0; a < task.budget; ++a)
        record.answer.push_back(a + 1 == task.budget ? task.questions[q].pair.answer : "");
  }
};

class ThirdProbe : public testing::Test {
 protected:
  ThirdProbe() {
    table_.push_back({"crib", "The crib", "the right answer", ProbeKind::control,
                      [](const ProbeOptions&, const GenerationOptions&) { return std::make_unique<Crib>(); }});
    options_.probe.use = "focus_on_key, probab, crib";
    options_.generation.max_new_tokens = 4;
  }

  /// Every question counts as known by the target; a random model answers none of them.
  CellRecord record() const {
    const auto target = tiny_language_model(1), unlearned = tiny_language_model(2);
    CellRecord base, record;
    evaluate_target(world_, target, questions_, options_, nullptr, base, table_);
    record.id = "cell";
    record.questions = base.questions;
    record.target = base.target;
    record.target.is_right.assign(questions_.size(), 1);
    evaluate_unlearned(world_, unlearned, questions_, options_, nullptr, record, table_);
    return record;
  }

  Communicator world_ = Communicator::world();
  std::vector<AskedQuestion> questions_ =
      ask_questions(testing_support::small_dataset(), testing_support::ByteTokenizer(), {}, 0, 3);
  std::vector<ProbeRow> table_ = probe_table();
  EvaluationOptions options_;
};

TEST_F(ThirdProbe, FlowsToRecordFileAndTable) {
  const auto made = record();
  ASSERT_EQ(made.probes.size(), 3U);
  EXPECT_EQ(made.probes[2].label, "The crib");
  EXPECT_EQ(made.probes[2].attempt_labels.size(), made.probes[0].attempt_labels.size()) << "the budgets are equal";
  const auto rate = std::ranges::find(made.rates, "recovery_crib", &Rate::name);
  ASSERT_NE(rate, made.rates.end());
  EXPECT_EQ(rate->count, 3U);
  EXPECT_EQ(rate->total, 3U);
  EXPECT_EQ(made.work.back().stage, "probe_crib");

  const SharedFolder folder(world_);
  write_cell_file(world_, cell_file(folder.path(), made.id), made);
  if (!world_.is_root()) return;
  const auto read = read_cell_file(cell_file(folder.path(), made.id));
  ASSERT_EQ(read.probes.size(), 3U);
  EXPECT_EQ(read.probes[2].label, "The crib");
  EXPECT_EQ(read.probes[2].kind, ProbeKind::control);
  EXPECT_EQ(read.probes[2].is_right, made.probes[2].is_right);
  EXPECT_THAT(summary_table(std::vector<CellRecord>{read}), HasSubstr("The crib"));
  collect_campaign(folder.path(), find_cells(folder.path()));
  EXPECT_THAT(summary_table(read_campaign_table(folder.path() / "campaign.h5").finished), HasSubstr("The crib"));
}

TEST_F(ThirdProbe, IsLeftOutUnlessTheOptionsNameIt) {
  options_.probe.use = "probab";
  const auto made = record();
  ASSERT_EQ(made.probes.size(), 1U);
  EXPECT_EQ(made.probes[0].name, "probab");
}

}  // namespace
}  // namespace unpact
