#include "unpact/evaluation/evaluate_cell.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"

namespace unpact {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing_support::ByteTokenizer;
using testing_support::small_dataset;
using testing_support::tiny_language_model;

class EvaluateCell : public testing::Test {
 protected:
  EvaluateCell() {
    options_.generation.max_new_tokens = 4;
    options_.probe.use = "focus_on_key, probab";
  }

  CellRecord target_on(const Communicator& group, FinishedPages* pages = nullptr) const {
    CellRecord record;
    evaluate_target(group, model_, questions_, options_, pages, record);
    return record;
  }

  /// The baseline's target beside a model of other weights; every question counts as known.
  CellRecord cell_on(const Communicator& group, const CellRecord& base) const {
    CellRecord record;
    record.questions = base.questions;
    record.target = base.target;
    record.target.is_right.assign(questions_.size(), 1);
    record.noise_floor = base.noise_floor;
    evaluate_unlearned(group, tiny_language_model(2), questions_, options_, nullptr, record);
    return record;
  }

  Communicator world_ = Communicator::world(), null_;
  LanguageModel model_ = tiny_language_model(1);
  std::vector<AskedQuestion> questions_ = ask_questions(small_dataset(), ByteTokenizer(), {}, 0, 3);
  EvaluationOptions options_;
};

std::vector<std::string> names_of_rates(const CellRecord& record) {
  std::vector<std::string> names;
  for (const auto& rate : record.rates) names.push_back(rate.name);
  return names;
}

std::vector<std::string> stages_of(const CellRecord& record) {
  std::vector<std::string> stages;
  for (const auto& work : record.work) stages.push_back(work.stage);
  return stages;
}

void expect_same_model(const ModelRecord& a, const ModelRecord& b) {
  EXPECT_EQ(a.answer, b.answer);
  EXPECT_EQ(a.is_right, b.is_right);
  for (const auto part : {&ModelRecord::gold, &ModelRecord::own}) {
    EXPECT_EQ((a.*part).answer_ids.values, (b.*part).answer_ids.values);
    EXPECT_EQ((a.*part).contributions.values, (b.*part).contributions.values);
    EXPECT_EQ((a.*part).is_key_token.values, (b.*part).is_key_token.values);
  }
}

TEST_F(EvaluateCell, NamesRatesAndStagesInTheFormatsOrder) {
  const auto base = target_on(world_), cell = cell_on(world_, base);
  EXPECT_THAT(names_of_rates(base),
              ElementsAre("target_right_forget", "target_right_retain", "unlearned_right_forget", "unlearned_right_retain",
                          "recovery_focus_on_key", "recovery_probab", "asked_focus_on_key", "without_echo_focus_on_key",
                          "asked_probab", "without_echo_probab", "ceiling_focus_on_key", "ceiling_retain_focus_on_key",
                          "ceiling_probab", "ceiling_retain_probab", "still_right", "won_back", "gone", "knowledge_left",
                          "destructive"));
  EXPECT_THAT(stages_of(base), ElementsAre("target_answers", "target_attribution", "ceiling_focus_on_key", "ceiling_probab",
                                           "probe_focus_on_key", "probe_probab"));
  EXPECT_THAT(stages_of(cell), ElementsAre("unlearned_answers", "unlearned_attribution", "retain_focus_on_key",
                                           "retain_probab", "probe_focus_on_key", "probe_probab"));
  EXPECT_THAT(names_of_rates(cell), testing::IsSupersetOf({"retain_focus_on_key", "retain_probab"}));
  EXPECT_EQ(cell.judge, "rouge_l_recall >= 0.5");
}

TEST_F(EvaluateCell, ATargetIsItsOwnPerfectCopy) {
  const auto record = target_on(world_);
  expect_same_model(record.target, record.unlearned);
  ASSERT_EQ(record.focus_shift.set_cosine.size(), questions_.size());
  for (const double cosine : record.focus_shift.set_cosine) EXPECT_TRUE(std::isnan(cosine) || cosine > 1 - 1e-12) << cosine;
  for (const auto& probe : record.probes) EXPECT_TRUE(probe.question.empty()) << "nothing was forgotten";
}

TEST_F(EvaluateCell, ProbesWhatWasForgotten) {
  const auto cell = cell_on(world_, target_on(world_));
  EXPECT_THAT(cell.outcome, ElementsAre(2, 2, 2, 4, 4, 4)) << "a random model knows nothing";
  ASSERT_EQ(cell.probes.size(), 2U);
  for (const auto& probe : cell.probes) {
    EXPECT_THAT(probe.question, ElementsAre(0, 1, 2));
    EXPECT_EQ(probe.attempt_labels.size(), options_.probe.budget());
    EXPECT_EQ(probe.answer.size(), 3 * options_.probe.budget());
    EXPECT_EQ(probe.is_right.size(), probe.answer.size());
  }
  EXPECT_EQ(cell.rates.back().count, 3U);
  EXPECT_EQ(cell.rates.back().total, 3U);
}

TEST_F(EvaluateCell, DoesNotDependOnTheNumberOfRanks) {
  const auto together = target_on(world_), alone = target_on(null_);
  expect_same_model(together.target, alone.target);
  const auto cell = cell_on(world_, together), other = cell_on(null_, alone);
  expect_same_model(cell.unlearned, other.unlearned);
  for (std::size_t i = 0; i < cell.probes.size(); ++i) EXPECT_EQ(cell.probes[i].answer, other.probes[i].answer);
}

TEST_F(EvaluateCell, FinishedPagesGiveTheSame) {
  const testing_support::SharedFolder folder(world_);
  options_.attribution.save_every = 2;
  FinishedPages pages(world_, folder.path() / "pages", "fingerprint");
  const auto first = target_on(world_, &pages), again = target_on(world_, &pages);
  EXPECT_EQ(first.target.answer, target_on(world_).target.answer);
  expect_same_model(first.target, again.target);
  EXPECT_TRUE(std::filesystem::exists(pages.file("answers", 4)) && std::filesystem::exists(pages.file("attributions", 0)));
}

TEST_F(EvaluateCell, VerificationIsARowAndAText) {
  options_.attribution.settings.verify = 2;
  const auto record = target_on(world_);
  ASSERT_EQ(record.verification.size(), 1U);
  EXPECT_EQ(record.verification[0].model, "target");
  EXPECT_EQ(record.verification[0].questions, 2U);
  EXPECT_THAT(record.attribution_settings.at("verified_target"), testing::HasSubstr("2 question(s)"));
}

}  // namespace
}  // namespace unpact
