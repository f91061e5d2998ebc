#pragma once
/// The group /metrics of a cell file, for cell_layout.hpp.
#include "unpact/results/metric.hpp"
#include "writer.hpp"

namespace unpact {

/// What the values of a model are means of: a list a row, all lists end to end.
template <class Archive, class Items>
void visit_metric_items(Archive& archive, const std::string& path, const std::string& model, Items& items) {
  archive.index_scale(path + "_item", items.values.size(), "index of an item");
  archive.column({path + "/values", {path + "_item"}, "1", "what the values of the " + model + " are means of"},
                 items.values);
  archive.column({path + "/offsets", {"/metrics/bound"}, "1", "bounds of each metric's items"}, items.offsets);
}

/// Since 1.7.
template <class Archive, class Metrics>
void visit_metrics(Archive& archive, Metrics& metrics) {
  const std::string axis = "/metrics/name";
  if (!archive.has(axis)) return;
  auto& rows = metrics.rows;
  archive.field({axis, {axis}, "1", "metric and set"}, rows, &MetricRecord::name);
  archive.field({"/metrics/label", {axis}, "1", "metric, as people call it"}, rows, &MetricRecord::label);
  archive.field({"/metrics/larger_says", {axis}, "1", "what a larger value says"}, rows, &MetricRecord::larger_says);
  archive.field({"/metrics/count", {axis}, "1", "questions, texts or passages"}, rows, &MetricRecord::count);
  archive.field({"/metrics/target", {axis}, "1", "value of the target"}, rows, &MetricRecord::target);
  archive.field({"/metrics/target_low", {axis}, "1", "lower end of its 95 % interval"}, rows, &MetricRecord::target_low);
  archive.field({"/metrics/target_high", {axis}, "1", "upper end of it"}, rows, &MetricRecord::target_high);
  archive.field({"/metrics/unlearned", {axis}, "1", "value of the unlearned model"}, rows, &MetricRecord::unlearned);
  archive.field({"/metrics/unlearned_low", {axis}, "1", "lower end of its 95 % interval"}, rows,
                &MetricRecord::unlearned_low);
  archive.field({"/metrics/unlearned_high", {axis}, "1", "upper end of it"}, rows, &MetricRecord::unlearned_high);
  archive.index_scale("/metrics/bound", rows.size() + 1, "index of a bound between metrics");
  visit_metric_items(archive, "/metrics/target_items", "target", metrics.target_items);
  visit_metric_items(archive, "/metrics/unlearned_items", "unlearned model", metrics.unlearned_items);
}

}  // namespace unpact
