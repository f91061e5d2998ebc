#pragma once
/// The metrics that the field reports, as a table: MUSE's, TOFU's, open-unlearning's, RWKU's and more.
///
/// What a metric is computed from is gathered first, in as few passes as the chosen ones need together (metric_work.hpp);
/// the rest is arithmetic (src/evaluation/metrics). docs/metrics.md is this table for people.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/results/metric.hpp"

namespace unpact {

/// What a metric needs of a dataset, a cell or the options.
enum class MetricNeeds : std::uint8_t {
  gold_answers,    ///< the questions' gold answers, scored
  answers,         ///< the model's own answers, as texts
  outcomes,        ///< what became of each question
  probes,          ///< attempts of sampling probes
  alternatives,    ///< paraphrased and perturbed answers of questions
  passages,        ///< verbmem: texts to go on with
  privacy_texts,   ///< privleak: forget and holdout texts
  utility_sets,    ///< TOFU's real authors and world facts
  published_auc,   ///< option evaluation.published_auc
  retrained,       ///< option evaluation.retrained: results of a model that was never taught
  question_pairs,  ///< a forget and a retain question in one prompt, answered as texts
  gradients,       ///< of a text's loss by every weight
  target_model,    ///< the target beside the model that is measured
  distribution,    ///< log p of every token of the vocabulary, which endpoints do not give
  traces,          ///< gold traces of thought, which the model has own ones beside
};
UNPACT_ENUMERATION(MetricNeeds, "gold_answers", "answers", "outcomes", "probes", "alternatives", "passages", "privacy_texts",
                   "utility_sets", "published_auc", "retrained", "question_pairs", "gradients", "target_model",
                   "distribution", "traces");

struct MetricOptions {
  std::string use = "auto";  ///< none; or names of metric_table(), of which auto stands for all that have what they need
  std::int64_t passage_tokens = 128;  ///< new tokens behind a passage's start
  std::int64_t text_tokens = 2048;    ///< of a privacy text; longer ones are cut, as is what exceeds the model's context
  double min_k = 0.4;                 ///< share of Min-K % and Min-K %++
  double published_auc = 0;           ///< MUSE's AUC of its retrained model; 0: none
  std::string retrained;              ///< results file whose target is the retrained model; empty: none
  std::string retrained_checksum;     ///< SHA-256 that it must have; empty: any
  bool of_endpoint = false;       ///< a model answers over HTTP: metrics that need weights or distributions cannot be had
  bool depth = false;             ///< exchange states between models (depth.hpp)
  double depth_threshold = 0.05;  ///< nats a token from which a block counts in a depth score
  std::size_t limit = 0;          ///< items of each set: dataset.limit; 0: all
};

struct MetricView;
class MetricValues;

/// One metric.
struct MetricRow {
  std::string name;   ///< as options and results call it: letters, digits and _
  std::string label;  ///< as people call it
  std::vector<MetricNeeds> needs;
  MetricSays larger_says = MetricSays::remembered;
  std::string formula;  ///< one line
  std::string source;
  /// Adds the metric's values on its sets to `values`.
  void (*measure)(const MetricView& view, const MetricRow& row, MetricValues& values) = nullptr;
  std::vector<std::string> uses = {};  ///< rows whose values it is made of; empty: it is measured
  bool in_auto = true;                 ///< whether `auto` takes it; what costs much is named
};

/// In an order in which each comes after those whose values it needs.
const std::vector<MetricRow>& metric_table();

/// Whether answers are texts and not letters of choices, and what else a metric may find.
struct MetricInputsAtHand {
  const Dataset& dataset;
  bool answers_are_texts = true;
};

/// The rows that options.use names, with those that they use, in the order of the table. @throws UserError for a name that
/// does not exist, one that is there twice, and one without what it needs, which is named with where it would come from.
std::vector<const MetricRow*> chosen_metrics(const MetricOptions& options, const MetricInputsAtHand& at_hand);

/// Whether options.use names a metric with this need; `auto` takes none that costs another model.
bool names_metric_that(const MetricOptions& options, MetricNeeds need);

/// @throws UserError for names alone, before a dataset is read.
void check_metric_options(const MetricOptions& options);

}  // namespace unpact
