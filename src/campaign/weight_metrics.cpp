#include "weight_metrics.hpp"

#include <vector>

#include "unpact/campaign/mapped_models.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/depth.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/model/quantization.hpp"

namespace unpact {
namespace {

void add_equal_codes(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                     CellRecord& record) {
  if (unlearned.transformer.reinforced() != nullptr) return;  // the first of the two is the target
  const StageMeter meter(group, unlearned.transformer.device());
  const auto found = equal_codes(group, unlearned.transformer, baseline.target.transformer);
  for (std::size_t k = 0; k < found.size(); ++k) {
    auto& row = record.metrics.rows.emplace_back();
    row.name = concat("equal_codes_", name_of_value(kQuantizations[k]));
    row.label = concat("equal codes in ", name_of_value(kQuantizations[k]));
    row.larger_says = name_of_value(MetricSays::remembered);
    row.count = found[k].all;
    row.target = 1;
    row.unlearned = static_cast<double>(found[k].equal) / static_cast<double>(found[k].all);
    record.metrics.target_items.add(std::vector<double>());
    record.metrics.unlearned_items.add(std::vector<double>());
  }
  record.work.push_back(meter.record("equal_codes"));
}

bool says_if_it_can(const Communicator& group, const Transformer& target, const Transformer& source,
                    const std::string& name) {
  if (can_measure_depth(target, source)) return true;
  if (group.is_root())
    log::warn(concat("evaluation.depth: the states of the ", name, " model cannot stand for the target's: a model lies on ",
                     "shards, answers by two, or has another shape"));
  return false;
}

}  // namespace

void measure_weights(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                     const Configuration& c, const LanguageModel* target, FinishedPages* pages, CellRecord& record) {
  bool quantizes = false;
  for (const auto* row : chosen_probes(c.probe)) quantizes = quantizes || row->name == "quantize";
  if (quantizes) add_equal_codes(group, baseline, unlearned, record);
  if (!c.metric.depth || target == nullptr ||
      !says_if_it_can(group, target->transformer, unlearned.transformer, "unlearned"))
    return;
  measure_depth(group, *target, unlearned, baseline.questions, "unlearned", pages,
                static_cast<std::size_t>(c.attribution.save_every), record.depth.unlearned, record);
  add_depth_scores(c.metric, record);
}

void measure_floor_depth(const Session& session, const Configuration& c, const LanguageModel& floor, FinishedPages* pages,
                         Baseline& baseline) {
  if (!c.metric.depth) return;
  const auto& world = session.world();
  const auto target = open_rounded(session, world, c, baseline.target, answering_dtype(session, c, baseline.target));
  if (!says_if_it_can(world, target.transformer, floor.transformer, "never-taught")) return;
  measure_depth(world, target, floor, baseline.questions, "floor", pages, static_cast<std::size_t>(c.attribution.save_every),
                baseline.record.depth.floor, baseline.record);
}

}  // namespace unpact
