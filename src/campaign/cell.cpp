#include "unpact/campaign/cell.hpp"

#include <algorithm>
#include <optional>

#include "model_digest.hpp"
#include "provenance.hpp"
#include "retrained_results.hpp"
#include "sequence.hpp"
#include "shared_reinforced.hpp"
#include "trajectory.hpp"
#include "unlearn_cell.hpp"
#include "weight_metrics.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "weight_probes.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/cell_rates.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/train/training_checkpoint.hpp"
#include "unpact/unlearn/forget_kind.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

fs::path unfinished_folder(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".unfinished"); }

/// Checkpoints of other settings stay beside it: one folder for all would refuse whatever comes second.
fs::path training_folder_of(const fs::path& folder, const std::string& id, const std::string& identity) {
  constexpr std::size_t kShortIdentity = 12;  // hex digits
  return folder / "training" / concat(id, ".", sha256_of_bytes(identity).substr(0, kShortIdentity));
}

}  // namespace

std::string cell_id(const Configuration& c) {
  return file_safe(concat(c.model.name, "__", c.dataset.name, "__", c.method.name, "__seed", c.run.seed));
}

std::string pair_id(const Configuration& c) { return file_safe(concat(c.model.name, "__", c.dataset.name)); }

bool is_cell_done(const Baseline& baseline, const Configuration& c, const fs::path& folder) {
  const auto id = cell_id(c);
  const bool done = find_finished_cell(folder, id, fingerprint_of_cell(baseline, c)).has_value();
  if (done) remove_folder(unfinished_folder(folder, id));  // of a job that was killed at its very end
  return done;
}

FinishedPages pages_of_cell(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                            const Configuration& c, const fs::path& folder) {
  const Json parts = {fingerprint_of_cell(baseline, c), digest_of(group, unlearned.transformer)};
  return {group, unfinished_folder(folder, cell_id(c)), sha256_of_bytes(parts.dump())};
}

namespace {

/// A loss on texts sees no question, though some text may hold its answer (questions_of_cell).
void say_all_held_out(CellRecord& record) {
  record.halves =
      "one half: unlearn.form = texts, so no retain question was trained on; texts with its answer may have been";
}

/// Marks the phrasings that the unlearning has seen.
void mark_trained_phrasings(const Configuration& c, CellRecord& record) {
  const auto seen = trained_phrasings(c.probe, c.unlearn.phrased);
  if (seen.empty()) return;
  for (auto& probe : record.probes)
    for (const auto& label : probe.attempt_labels)
      probe.trained.push_back(std::ranges::find(seen, label) != seen.end() ? 1 : 0);
}

}  // namespace

CellRecord compare_with_baseline(const Session& session, const Communicator& group, const Baseline& baseline,
                                 const LanguageModel& unlearned, const Configuration& c, FinishedPages& pages) {
  auto record = start_record(session, group, baseline, c, Made::cell);
  record.questions = questions_of_cell(baseline, c);
  record.target = baseline.record.target;
  record.verification = baseline.record.verification;
  record.judges = baseline.record.judges;
  record.judge_check = baseline.record.judge_check;
  record.arms = baseline.record.arms;
  record.curves = baseline.record.curves;
  record.depth = baseline.record.depth;
  record.noise_floor = baseline.record.noise_floor;
  if (c.unlearn.form == ExampleForm::texts) say_all_held_out(record);
  record.provenance.baseline_fingerprint = fingerprint_of(baseline.record.provenance);
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  const auto options = open_judge(session, group, c, baseline.judge);
  const auto identity = sha256_of_bytes(concat(fingerprint_of(record.provenance), digest_of(group, unlearned.transformer)));
  const auto table = weight_probe_table(
      {session, c, baseline.dataset, identity, training_folder_of(c.run.output, concat(record.id, ".probes"), identity)});
  evaluate_unlearned(group, unlearned, baseline.questions, options, &pages, record, table);
  mark_trained_phrasings(c, record);
  record.rates = cell_rates(record);
  record.metrics = baseline.record.metrics;
  const auto retrained = read_retrained(group, c.metric);
  std::optional<LanguageModel> target;
  if (names_metric_that(c.metric, MetricNeeds::target_model) || c.metric.depth)
    target = open_rounded(session, group, c, baseline.target, answering_dtype(session, c, baseline.target));
  measure_unlearned(group, unlearned, {baseline.dataset, baseline.questions, options}, &pages,
                    retrained ? &*retrained : nullptr, record, target ? &*target : nullptr);
  measure_weights(group, baseline, unlearned, c, target ? &*target : nullptr, &pages, record);
  return record;
}

void file_cell(const Communicator& group, const fs::path& folder, const CellRecord& record) {
  fail_together(group, [&] {
    if (group.is_root()) keep_other_cell(folder, record.id, fingerprint_of(record.provenance));
  });
  write_cell_file(group, cell_file(folder, record.id), record);
  if (group.is_root()) remove_failed_cell(folder, record.id);
}

namespace {

/// The same of sets that are forgotten one after the other.
Unlearned unlearn_in_sequence(const Session& session, const Communicator& group, const Baseline& baseline,
                              const Configuration& c, const fs::path& folder, Claims* claims) {
  auto last = unlearn_sequence(session, group, baseline, c, folder, claims);
  return {open_to_answer(session, group, c, last.model, answering_dtype(session, c, baseline.target)), std::move(last.steps),
          std::move(last.work)};
}

}  // namespace

CellRecord run_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                    const fs::path& folder, Claims* claims) {
  const auto started = utc_now();
  auto options = c.unlearn_training();
  options.identity = training_identity(c, checksums_of(baseline.dataset_checksum, baseline.target));
  const auto training_folder = training_folder_of(folder, cell_id(c), options.identity);
  options.checkpoint_folder = training_folder;
  options.step_log = folder / "logs" / (cell_id(c) + ".train.jsonl");
  const auto points_folder = fs::path(training_folder) += ".points";
  std::optional<Trajectory> trajectory;
  if (!c.unlearn.save_points.empty()) trajectory.emplace(session, group, baseline, c, points_folder, folder / "models");
  auto* looked_at = trajectory ? &*trajectory : nullptr;
  auto unlearned = shares_reinforced(c.method) ? unlearn_from_reinforced(session, group, baseline, c, folder, claims)
                   : c.unlearn.forget_sets.empty()
                       ? unlearn_cell(session, group, baseline, c, options, folder, claims, looked_at)
                       : unlearn_in_sequence(session, group, baseline, c, folder, claims);
  settle(session, group, baseline, c, looked_at, folder, unlearned);
  give_memory_back(session.device());
  auto pages = pages_of_cell(group, baseline, unlearned.model, c, folder);
  auto record = compare_with_baseline(session, group, baseline, unlearned.model, c, pages);
  record.training = std::move(unlearned.steps);
  record.trajectory = std::move(unlearned.trajectory);
  record.mix = std::move(unlearned.mix);
  record.rates = cell_rates(record);
  record.work.insert(record.work.begin(), unlearned.work.begin(), unlearned.work.end());
  record.provenance.started = started;
  record.provenance.ended = utc_now();
  const StageMeter filing(group, session.device());
  file_cell(group, folder, record);
  filing.record("file");
  pages.remove();
  if (group.is_root()) {
    remove_training_checkpoints(training_folder);
    remove_folder(points_folder);
  }
  return record;
}

}  // namespace unpact
