#include <algorithm>
#include <array>
#include <cmath>

#include "aggregates.hpp"
#include "membership.hpp"
#include "metric_rows.hpp"
#include "metric_sets.hpp"
#include "overlap.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// The text of ids that a model may have written beyond its tokenizer's vocabulary, which many models are padded to.
std::string text_of_ids(const Tokenizer& tokenizer, std::vector<TokenId> ids) {
  std::erase_if(ids, [&](TokenId id) { return id >= tokenizer.vocabulary_size(); });
  return tokenizer.decode(ids);
}

/// One number a text, the forget texts first.
void add_texts(const MetricView& view, const MetricRow& row, MetricValues& values, const std::vector<double>& scores) {
  const auto forget = taken(view.task.dataset.privacy_forget.size(), view.task.options.metric.limit);
  std::vector<double> of_forget, of_holdout;
  for (std::size_t i = 0; i < scores.size(); ++i) (i < forget ? of_forget : of_holdout).push_back(scores[i]);
  values.add_mean(row, "forget", std::move(of_forget));
  values.add_mean(row, "holdout", std::move(of_holdout));
}

void add_texts(const MetricView& view, const MetricRow& row, MetricValues& values, double SequenceScores::*member) {
  std::vector<double> scores;
  for (const auto& of_text : view.scores(kTextsPart)) scores.push_back(of_text.*member);
  add_texts(view, row, values, scores);
}

void add_auc(const MetricRow& row, MetricValues& values, const std::vector<double>& forget,
             const std::vector<double>& holdout) {
  const double value = auc(forget, holdout), half = 1.959963984540054 * auc_standard_error(forget, holdout);
  values.add(row, "", forget.size() + holdout.size(), value, std::max(0.0, value - half), std::min(1.0, value + half));
}

/// `min_k` of the row `min_k_auc`.
std::string scores_behind(const MetricRow& row) { return row.uses.front(); }

/// MUSE counts the pairs in which the held-out text has the lower score.
double muse_auc(const MetricValues& values) { return 1 - values.value("min_k_auc"); }

std::uint64_t texts_of(const MetricValues& values) {
  const auto* found = values.find("min_k_auc");
  return found == nullptr ? 0 : found->count;
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> found;
  for (std::size_t i = 0; i < a.size() && a.size() == b.size(); ++i) found.push_back(reference_score(a[i], b[i]));
  return found;
}

}  // namespace

void measure_verbatim(const MetricView& view, const MetricRow& row, MetricValues& values) {
  const auto& written = view.evidence.continued.at(kPassagesPart);
  const auto& tokenizer = *view.model.tokenizer;
  // MUSE counts BOS among the tokens that it keeps of the gold text.
  const auto most = static_cast<std::size_t>(view.task.options.metric.passage_tokens) - (tokenizer.bos_id() ? 1 : 0);
  std::vector<double> items;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const auto& continuation = view.task.dataset.passages.at(i).continuation;
    auto gold = tokenizer.encode_around(continuation, {{0, continuation.size()}}).ids;
    if (gold.size() > most) gold.resize(most);
    items.push_back(verbatim_memorization(tokenizer.decode(gold), text_of_ids(tokenizer, written[i])));
  }
  values.add_mean(row, "", std::move(items));
}

void measure_loss(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_texts(view, row, values, &SequenceScores::loss);
}

void measure_zlib(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_texts(view, row, values, &SequenceScores::zlib);
}

void measure_min_k(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_texts(view, row, values, &SequenceScores::min_k);
}

void measure_min_k_plus_plus(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_texts(view, row, values, &SequenceScores::min_k_plus_plus);
}

void measure_gradient_norm(const MetricView& view, const MetricRow& row, MetricValues& values) {
  add_texts(view, row, values, view.evidence.gradient_norms);
}

void derive_auc(const MetricView&, const MetricRow& row, MetricValues& values) {
  const auto scores = scores_behind(row);
  if (values.find(scores + "_forget") == nullptr) return;  // the model could not be differentiated
  add_auc(row, values, values.items(scores + "_forget"), values.items(scores + "_holdout"));
}

void derive_reference_auc(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.retrained == nullptr) return;
  add_auc(row, values, differences(values.items("loss_forget"), view.retrained->items("loss_forget")),
          differences(values.items("loss_holdout"), view.retrained->items("loss_holdout")));
}

void derive_privleak_published(const MetricView& view, const MetricRow& row, MetricValues& values) {
  values.add(row, "", texts_of(values), privleak(muse_auc(values), view.task.options.metric.published_auc));
}

void derive_privleak_retrained(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.retrained == nullptr) return;
  values.add(row, "", texts_of(values), privleak(muse_auc(values), muse_auc(*view.retrained)));
}

void derive_privleak_open_unlearning(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.retrained == nullptr) return;
  values.add(row, "", texts_of(values), privleak_open_unlearning(muse_auc(values), muse_auc(*view.retrained)));
}

void derive_privacy(const MetricView& view, const MetricRow& row, MetricValues& values) {
  if (view.retrained == nullptr) return;
  std::vector<double> closeness;
  for (const auto* attack : {"loss_auc", "zlib_auc", "min_k_auc", "min_k_plus_plus_auc"}) {
    const double value = values.value(attack), retrained = view.retrained->value(attack);
    if (std::isnan(value) || !(retrained > 0)) return;
    closeness.push_back(privacy_closeness(value, retrained));
  }
  values.add(row, "", texts_of(values), privacy_aggregate(closeness));
}

}  // namespace unpact
