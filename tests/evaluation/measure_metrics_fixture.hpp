#pragma once
/// For tests: a dataset with the material of all metrics, and two random models that are measured on it.
#include <gmock/gmock.h>

#include <cmath>

#include "support/shared_folder.hpp"
#include "support/tiny_language_model.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/measure_metrics.hpp"

namespace unpact::testing_support {

class MeasureMetrics : public testing::Test {
 protected:
  MeasureMetrics() {
    options_.generation.max_new_tokens = 4;
    options_.metric.limit = 7;
    options_.metric.text_tokens = 30;
    options_.metric.passage_tokens = 6;
    options_.metric.published_auc = kMuseNews;
    for (auto* set : {&dataset_.forget_questions, &dataset_.retain_questions}) {
      for (std::size_t i = 0; i < set->size(); ++i) {
        (*set)[i].paraphrased = {concat("It is ", (*set)[i].answer)};
        if (i != 1) (*set)[i].perturbed = {concat("Writer ", i), concat("Nobody ", i % 3)};
      }
    }
    for (int i = 0; i < 9; ++i) {
      dataset_.privacy_forget.push_back(concat("The report ", 10 + i, " on the harbour is of 2005."));
      dataset_.privacy_holdout.push_back(concat("The report ", 20 + i, " on the harbour is of 2005."));
      dataset_.passages.push_back({concat("Once upon ", i), concat(" times a harbour ", i, " was built")});
    }
    dataset_.real_authors = {{"Who wrote 1984?", "Orwell", {}}, {"Who wrote Emma?", "Austen", {}}};
    dataset_.world_facts = {{"Where is Paris?", "France", {}}};
    for (auto* set : {&dataset_.real_authors, &dataset_.world_facts})
      for (auto& pair : *set) pair.perturbed = {"Twain", "Dickens"};
    questions_ = ask_questions(dataset_, ByteTokenizer(), {}, 0, options_.metric.limit);
  }

  MetricTask task() const { return {dataset_, questions_, options_}; }

  CellRecord target_on(const Communicator& group, FinishedPages* pages = nullptr) const {
    CellRecord record;
    for (const auto& asked : questions_) {
      record.questions.question.push_back(asked.pair.question);
      record.target.answer.push_back(concat(asked.pair.answer, " or so"));
      record.unlearned.answer.push_back(asked.in_forget_set ? "nobody" : asked.pair.answer);
      record.outcome.push_back(static_cast<std::uint8_t>(asked.in_forget_set               ? Outcome::forgotten
                                                         : asked.pair.answer.back() == '1' ? Outcome::destroyed
                                                                                           : Outcome::kept));
    }
    ProbeRecord probe;
    probe.kind = ProbeKind::baseline;
    probe.attempt_labels = {"a", "b", "c", "d"};
    probe.question = {0, 1};
    probe.is_right = {1, 0, 0, 0, 0, 0, 0, 0};
    record.probes = {probe};
    measure_target(group, model_, task(), pages, record);
    return record;
  }

  CellRecord cell_on(const Communicator& group, const CellRecord* retrained = nullptr) const {
    auto record = target_on(group);
    measure_unlearned(group, other_, task(), nullptr, retrained, record);
    return record;
  }

  static const MetricRecord& row(const CellRecord& record, const std::string& name) {
    const auto found = std::ranges::find(record.metrics.rows, name, &MetricRecord::name);
    UNPACT_EXPECT(found != record.metrics.rows.end());
    return *found;
  }
  static bool has(const CellRecord& record, const std::string& name) {
    return std::ranges::count(record.metrics.rows, name, &MetricRecord::name) > 0;
  }

  static constexpr double kMuseNews = 0.4772;
  Communicator world_ = Communicator::world(), alone_;
  Dataset dataset_ = testing_support::small_dataset();
  LanguageModel model_ = tiny_language_model(1), other_ = tiny_language_model(2);
  std::vector<AskedQuestion> questions_;
  EvaluationOptions options_;
};

inline void expect_same_metrics(const MetricsRecord& a, const MetricsRecord& b) {
  ASSERT_EQ(a.rows.size(), b.rows.size());
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    EXPECT_EQ(a.rows[i].name, b.rows[i].name);
    EXPECT_TRUE(same(a.rows[i].target, b.rows[i].target) && same(a.rows[i].unlearned, b.rows[i].unlearned))
        << a.rows[i].name;
  }
  EXPECT_EQ(a.target_items.values, b.target_items.values);
  EXPECT_EQ(a.unlearned_items.values, b.unlearned_items.values);
}

}  // namespace unpact::testing_support
