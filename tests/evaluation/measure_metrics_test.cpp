#include "measure_metrics_fixture.hpp"

namespace unpact {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing_support::ByteTokenizer;
using testing_support::expect_same_metrics;
using testing_support::MeasureMetrics;
using testing_support::message_of;

TEST_F(MeasureMetrics, AreTheSameOnAnyNumberOfRanks) {
  expect_same_metrics(cell_on(world_).metrics, cell_on(alone_).metrics);
}

TEST_F(MeasureMetrics, EveryOneThatHasWhatItNeedsIsThere) {
  const auto cell = cell_on(world_);
  for (const auto* name : {"extraction_strength_forget",
                           "extraction_strength_open_unlearning_retain",
                           "exact_memorization_forget",
                           "probability_retain",
                           "knowmem_forget",
                           "tofu_rouge_retain",
                           "ngram_entropy_forget",
                           "truth_ratio_forget",
                           "truth_ratio_paper_retain",
                           "truth_score_forget",
                           "truth_probability_forget",
                           "paraphrased_probability_forget",
                           "utility_truth_score_world_facts",
                           "probability_among_real_authors",
                           "utility_rouge_world_facts",
                           "verbmem",
                           "loss_forget",
                           "zlib_holdout",
                           "min_k_auc",
                           "min_k_plus_plus_auc",
                           "privleak_published",
                           "leak_at_1",
                           "leak_at_4",
                           "destructive_by_similarity_nearest",
                           "model_utility",
                           "memorization"})
    EXPECT_TRUE(has(cell, name)) << name;
  EXPECT_FALSE(has(cell, "forget_quality")) << "there is no retrained model";
  EXPECT_EQ(row(cell, "truth_ratio_forget").count, 6U) << "one of the seven has no perturbed answers";
  EXPECT_EQ(row(cell, "knowmem_forget").unlearned, 0);
  EXPECT_EQ(row(cell, "knowmem_retain").unlearned, 1);
  EXPECT_EQ(row(cell, "leak_at_1").unlearned, 0.125);
  EXPECT_EQ(row(cell, "leak_at_4").unlearned, 0.5);
  EXPECT_TRUE(std::isnan(row(cell, "leak_at_1").target));
  EXPECT_NEAR(row(cell, "privleak_published").unlearned,
              100 * (1 - row(cell, "min_k_auc").unlearned - kMuseNews) / kMuseNews, 1e-9);
  EXPECT_EQ(cell.work.back().stage, "unlearned_metrics");
  for (const auto& found : cell.metrics.rows)
    EXPECT_TRUE(std::isnan(found.unlearned_low) ||
                (found.unlearned_low <= found.unlearned && found.unlearned <= found.unlearned_high))
        << found.name;
}

TEST_F(MeasureMetrics, ScoreWhatScoringAndGreedyChoiceSay) {
  const auto record = target_on(world_);
  std::vector<PromptAnswer> items;
  for (const auto& asked : questions_) items.push_back({asked.prompt.ids, asked.gold_answer});
  const auto scores = score_answers(model_.transformer, items);
  const auto place = std::ranges::find(record.metrics.rows, "probability_forget", &MetricRecord::name);
  const auto probabilities = record.metrics.target_items.row(static_cast<std::size_t>(place - record.metrics.rows.begin()));
  for (std::size_t q = 0; q < probabilities.size(); ++q)
    EXPECT_NEAR(probabilities[q], std::exp(mean_log_probability(scores[q])), 1e-6);
  // A model that writes the gold answer itself has memorized it.
  auto copy = questions_;
  for (auto& asked : copy) {
    GenerationOptions greedy;
    greedy.max_new_tokens = 5;
    asked.gold_answer = generate(model_.transformer, {{asked.prompt.ids}}, greedy).front();
  }
  CellRecord written;
  written.target.answer.assign(copy.size(), "");
  measure_target(world_, model_, {dataset_, copy, options_}, nullptr, written);
  EXPECT_EQ(row(written, "extraction_strength_forget").target, 1);
  EXPECT_EQ(row(written, "exact_memorization_retain").target, 1);
}

TEST_F(MeasureMetrics, ARetrainedModelIsLikeItself) {
  options_.metric.retrained = "there";
  const auto retrained = target_on(world_);
  ASSERT_TRUE(has(retrained, "privleak_published")) << "the AUC must be no bound";
  for (const auto* attack : {"loss_auc", "zlib_auc", "min_k_auc", "min_k_plus_plus_auc"}) {
    EXPECT_GT(row(retrained, attack).target, 0) << attack;
    EXPECT_LT(row(retrained, attack).target, 1) << attack;
  }
  auto record = target_on(world_);
  measure_unlearned(world_, model_, task(), nullptr, &retrained, record);
  EXPECT_EQ(row(record, "forget_quality").unlearned, 1);
  EXPECT_EQ(row(record, "privleak_retrained").unlearned, 0);
  EXPECT_EQ(row(record, "reference_auc").unlearned, 0.5);
  EXPECT_EQ(row(record, "privacy").unlearned, 1);
  const auto other = cell_on(world_, &retrained);
  EXPECT_EQ(row(other, "forget_quality").target, 1) << "the target's are reckoned beside it, too";
  EXPECT_LT(row(other, "privacy").unlearned, 1);
}

TEST_F(MeasureMetrics, KeepFinishedPages) {
  const testing_support::SharedFolder folder(world_);
  FinishedPages pages(world_, folder.path() / "x.unfinished", "f"), again(world_, folder.path() / "x.unfinished", "f");
  const auto first = target_on(world_, &pages);
  EXPECT_TRUE(std::filesystem::exists(pages.file("metrics_texts", 0)));
  expect_same_metrics(first.metrics, target_on(world_, &again).metrics);
}

TEST_F(MeasureMetrics, SayWhatIsMissing) {
  const auto message = [&](const std::string& use) {
    options_.metric.use = use;
    return message_of<UserError>([&] { chosen_metrics(options_.metric, {dataset_, true}); });
  };
  EXPECT_THAT(message("verbmen"), HasSubstr("did you mean 'verbmem'?"));
  EXPECT_THAT(message("verbmem, verbmem"), HasSubstr("twice"));
  EXPECT_THAT(message("auto, none"), HasSubstr("'none' stands alone"));
  EXPECT_THAT(message("forget_quality"), AllOf(HasSubstr("retrained model"), HasSubstr("evaluation.retrained")));
  dataset_.passages.clear();
  EXPECT_THAT(message("verbmem"), AllOf(HasSubstr("no passages"), HasSubstr("verbmem/forget.json")));
  dataset_.privacy_holdout.clear();
  EXPECT_THAT(message("min_k"), HasSubstr("privleak/holdout.json"));
  dataset_.world_facts.clear();
  EXPECT_THAT(message("model_utility"), HasSubstr("dataset.world_facts"));
  options_.metric.published_auc = 0;
  dataset_.privacy_holdout = {"a text"};
  EXPECT_THAT(message("privleak_published"), HasSubstr("0.4772"));
  options_.metric.use = "knowmem";
  EXPECT_THAT(message_of<UserError>([&] { chosen_metrics(options_.metric, {dataset_, false}); }), HasSubstr("letters"));
}

TEST_F(MeasureMetrics, TakeWhatTheyUseAndNothingElse) {
  options_.metric.use = "privleak_published";
  const auto cell = cell_on(world_);
  EXPECT_TRUE(has(cell, "min_k_forget") && has(cell, "min_k_auc") && has(cell, "privleak_published"));
  EXPECT_FALSE(has(cell, "knowmem_forget"));
  options_.metric.use = "none";
  EXPECT_TRUE(cell_on(world_).metrics.rows.empty());
  EXPECT_TRUE(cell_on(world_).work.empty());
}

TEST_F(MeasureMetrics, AskPairsOfQuestionsWhereTheyAreNamed) {
  EXPECT_FALSE(has(target_on(world_), "paired_retain")) << "auto leaves out what costs much";
  options_.metric.use = "paired_forget, paired_retain, paired_drop";
  const auto work = metric_work(task(), model_.transformer.config(), ByteTokenizer(), {});
  ASSERT_EQ(work.continued.size(), 1U);
  EXPECT_EQ(work.continued.front().prompts.size(), 3U) << "there are three retain questions";
  EXPECT_THAT(ByteTokenizer().decode(work.continued.front().prompts[1]),
              HasSubstr("1. Who wrote book 1? 2. Where is town 1?"));
  const auto cell = cell_on(world_);
  EXPECT_EQ(row(cell, "paired_forget").count, 3U);
  EXPECT_EQ(row(cell, "paired_drop").unlearned, 1 - row(cell, "paired_retain").unlearned) << "alone, each was right";
}

TEST_F(MeasureMetrics, RefuseOtherResultsOfARetrainedModel) {
  options_.metric.retrained = "there";
  const auto refusal = [&](const CellRecord& retrained) {
    return message_of<UserError>([&] { cell_on(world_, &retrained); });
  };
  auto retrained = target_on(world_);
  retrained.provenance.tokenizer_checksum = "other";
  EXPECT_THAT(refusal(retrained), HasSubstr("another tokenizer"));
  retrained.questions.question.pop_back();
  EXPECT_THAT(refusal(retrained), HasSubstr("other questions"));
  retrained.metrics = {};
  EXPECT_THAT(refusal(retrained), HasSubstr("have no metrics"));
}

TEST_F(MeasureMetrics, RefusePassagesThatDoNotFit) {
  options_.metric.passage_tokens = 400;
  EXPECT_THAT(message_of<UserError>([&] { target_on(world_); }), HasSubstr("evaluation.passage_tokens"));
}

TEST(MetricTable, NamesAreDifferentAndCompleteAndComeAfterWhatTheyUse) {
  std::vector<std::string> seen;
  for (const auto& row : metric_table()) {
    EXPECT_EQ(std::ranges::count(seen, row.name), 0) << row.name;
    for (const auto& used : row.uses) EXPECT_EQ(std::ranges::count(seen, used), 1) << row.name << " uses " << used;
    EXPECT_FALSE(row.label.empty() || row.formula.empty() || row.source.empty() || row.needs.empty()) << row.name;
    seen.push_back(row.name);
  }
}

/// The line of a row in docs/metrics.md.
std::string line_of(const MetricRow& row) {
  std::vector<std::string> needs;
  for (const auto need : row.needs) needs.push_back(name_of_value(need));
  return concat("| `", row.name, "` | ", row.label, " | ", join(needs, ", "), " | ", name_of_value(row.larger_says), " | ",
                row.formula, row.measure == nullptr ? " (library alone)" : "", " | ", row.source, " |\n");
}

TEST(MetricTable, IsTheTableOfItsDocument) {
  const auto path = std::filesystem::path(UNPACT_SOURCE_DIR) / "docs/metrics.md";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not on this machine";
  const auto document = read_file(path);
  std::string missing;
  for (const auto& row : metric_table())
    if (document.find(line_of(row)) == std::string::npos) missing += line_of(row);
  EXPECT_EQ(missing, "");
  const auto begin = document.find("| name | label |"), end = document.find("\n\n", begin);
  EXPECT_EQ(std::count(document.begin() + static_cast<std::ptrdiff_t>(begin),
                       document.begin() + static_cast<std::ptrdiff_t>(end), '\n'),
            static_cast<std::ptrdiff_t>(metric_table().size()) + 1);
}

}  // namespace
}  // namespace unpact
