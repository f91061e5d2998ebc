#include "unpact/campaign/cell.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "model_digest.hpp"
#include "stage_meter.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/campaign/evaluation_stage.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// The configuration as far as this cell's numbers depend on it: where it is written, on what device and beside which
/// other cells does not matter; what the dataset says does.
Configuration relevant_to_cell(const Baseline& baseline, const Configuration& c) {
  Configuration relevant = c;
  relevant.dataset.checksum = baseline.dataset_checksum;
  relevant.run = RunOptions();
  relevant.run.seed = c.run.seed;
  relevant.model.path.clear();  // the checksum says which weights these are
  relevant.attribution.tune = false;
  relevant.attribution.tune_objective = AttributionOptions().tune_objective;
  relevant.attribution.tune_alphas = AttributionOptions().tune_alphas;
  relevant.attribution.tune_betas = AttributionOptions().tune_betas;
  relevant.train = numbers_of(c.train);
  const auto file = path_of_needed_file(c.method);
  if (!file.empty()) relevant.method.file_checksum = sha256_of_file(file);
  relevant.method.cache = MethodOptions().cache;  // where numbers are kept does not change them
  relevant.method.cache_gib = MethodOptions().cache_gib;
  relevant.method.rmu_early_stop = MethodOptions().rmu_early_stop;  // nor does what runs and is dropped
  relevant.campaign = CampaignOptions();
  relevant.ask = AskOptions();
  relevant.evaluate.unlearned.clear();  // its checksum says which weights these are
  relevant.inspect = InspectOptions();
  return relevant;
}

Provenance provenance_of(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c) {
  const auto& target = baseline.target;
  Provenance p;
  p.started = utc_now();
  p.resolved_configuration = to_ini(relevant_to_cell(baseline, c));
  p.seed = static_cast<std::int64_t>(c.run.seed);
  p.world_size = session.world().size();
  p.group_size = group.size();
  p.devices = group.size() == session.world().size()
                  ? session.devices()
                  : group.all_gather(session.devices()[static_cast<std::size_t>(session.world().rank())]);
  p.model_checksum = weights_checksum(target.folder);
  p.tokenizer_checksum = target.tokenizer->checksum();
  p.library_versions = library_versions();
  return p;
}

CellRecord start_record(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c) {
  CellRecord record;
  record.id = cell_id(c);
  record.model = c.model.name;
  record.dataset = c.dataset.name;
  record.method = c.method.name;
  record.provenance = provenance_of(session, group, baseline, c);
  record.attribution_method = c.attribution.method;
  record.attribution_settings = used_settings(c.attribution.method, c.attribution.settings, c.attribution.engine, *baseline.target.tokenizer);
  if (c.attribution.method == "leave_one_out" && c.attribution.unit != "token") record.attribution_settings["unit"] = c.attribution.unit;
  record.alpha = c.attribution.keys.alpha;
  record.beta = c.attribution.keys.beta;
  return record;
}

std::string file_safe(std::string name) {
  for (auto& character : name)
    if (!std::isalnum(static_cast<unsigned char>(character)) && character != '-' && character != '_' && character != '.') character = '-';
  return name;
}

/// A target that is made depends on what the dataset says, too.
Configuration with_dataset(Configuration c, const std::string& checksum) {
  c.dataset.checksum = checksum;
  return c;
}

/// Settings that make a baseline; those of unlearning do not.
Configuration baseline_configuration(const Configuration& c) {
  Configuration base = c;
  base.method = MethodOptions();
  base.method.name = "none";
  base.method_overrides = MethodOverrides();
  base.method_use.clear();
  base.unlearn = UnlearnOptions();
  base.evaluate = EvaluateOptions();
  return base;
}

/// Readers of version 1.1 find the table `verification` as text.
void say_verification(CellRecord& record, const std::vector<AskedQuestion>& questions) {
  for (const auto& found : record.verification)
    record.attribution_settings["verified_" + found.model] = describe_verification(found, questions);
}

void evaluate_target(const Session& session, Baseline& baseline, const Configuration& c, FinishedPages& pages) {
  auto& record = baseline.record;
  record.questions = record_questions(baseline.questions, *baseline.target.tokenizer);
  record.noise_floor = noise_floor_of(baseline.target.transformer, baseline.questions);
  record.target = evaluate_model(session.world(), baseline.target, baseline.questions, c, {"target", record.noise_floor, &pages}, record);
  say_verification(record, baseline.questions);
  record.unlearned = record.target;  // nothing was unlearned: the file says what a perfect copy looks like
  compare_models(session.world(), baseline.target, baseline.questions, c, record);
  record.provenance.ended = utc_now();
}

TrainingStep training_step(const StepReport& report) {
  TrainingStep step;
  step.step = report.step;
  step.loss = report.loss;
  step.forget_loss = report.term_losses.at(0);
  step.retain_loss = report.term_losses.size() > 1 ? report.term_losses[1] : std::nan("");
  step.gradient_norm = report.gradient_norm;
  step.learning_rate = report.learning_rate;
  step.tokens = report.targets;
  return step;
}

std::string fingerprint_of_cell(const Baseline& baseline, const Configuration& c) {
  Provenance p;
  p.resolved_configuration = to_ini(relevant_to_cell(baseline, c));
  p.model_checksum = baseline.record.provenance.model_checksum;
  p.tokenizer_checksum = baseline.record.provenance.tokenizer_checksum;
  return fingerprint_of(p);
}

fs::path unfinished_folder(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".unfinished"); }

}  // namespace

std::string cell_id(const Configuration& c) {
  return file_safe(concat(c.model.name, "__", c.dataset.name, "__", c.method.name, "__seed", c.run.seed));
}

fs::path cell_file(const fs::path& folder, const std::string& id) { return folder / "cells" / (id + ".h5"); }

Baseline prepare_baseline(const Session& session, const Configuration& c, const fs::path& folder) {
  const auto base = baseline_configuration(c);
  auto dataset = load_dataset(c.dataset);
  auto checksum = dataset_checksum(dataset);
  const auto name = file_safe(concat(c.model.name, "__", c.dataset.name));
  auto target = prepare_model(session, with_dataset(c, checksum), dataset, folder / "models" / name);
  auto questions = ask_questions(dataset, *target.tokenizer, target.prompt_template, static_cast<std::size_t>(c.prompt.examples),
                                 static_cast<std::size_t>(c.dataset.limit));
  for (auto& asked : questions) asked.unit = removal_unit_of(c.attribution.unit);
  Baseline baseline{std::move(target), std::move(dataset), std::move(questions), std::move(checksum), {}};
  baseline.record = start_record(session, session.world(), baseline, base);
  const auto file = folder / "baselines" / (name + ".h5");
  const auto unfinished = folder / "baselines" / (name + ".unfinished");
  const bool done = session.is_root() && is_finished_cell(file, fingerprint_of(baseline.record.provenance));
  if (done) fs::remove_all(unfinished);  // of a job that was killed at its very end
  if (session.world().broadcast(done ? "yes" : "no", 0) == "yes") {
    log::info(concat("Using the target's answers and contributions in ", file.string()));
    baseline.record = read_cell_file(file);
    return baseline;
  }
  log::info(concat("Asking the target ", baseline.questions.size(), " questions"));
  FinishedPages pages(session.world(), unfinished, fingerprint_of(baseline.record.provenance));
  evaluate_target(session, baseline, base, pages);
  write_cell_file(session.world(), file, baseline.record);
  pages.remove();
  return baseline;
}

bool is_cell_done(const Baseline& baseline, const Configuration& c, const fs::path& folder) {
  const auto id = cell_id(c);
  const bool done = is_finished_cell(cell_file(folder, id), fingerprint_of_cell(baseline, c));
  if (done) fs::remove_all(unfinished_folder(folder, id));  // of a job that was killed at its very end
  return done;
}

FinishedPages pages_of_cell(const Communicator& group, const Baseline& baseline, const LanguageModel& unlearned,
                            const Configuration& c, const fs::path& folder) {
  const Json parts = {fingerprint_of_cell(baseline, c), digest_of(group, unlearned.transformer)};
  return {group, unfinished_folder(folder, cell_id(c)), sha256_of_bytes(parts.dump())};
}

CellRecord compare_with_baseline(const Session& session, const Communicator& group, const Baseline& baseline,
                                 const LanguageModel& unlearned, const Configuration& c, FinishedPages& pages) {
  auto record = start_record(session, group, baseline, c);
  record.questions = baseline.record.questions;
  record.target = baseline.record.target;
  record.verification = baseline.record.verification;
  record.noise_floor = baseline.record.noise_floor;
  record.unlearned = evaluate_model(group, unlearned, baseline.questions, c, {"unlearned", record.noise_floor, &pages}, record);
  say_verification(record, baseline.questions);
  compare_models(group, unlearned, baseline.questions, c, record);
  return record;
}

CellRecord run_cell(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c, const fs::path& folder) {
  const auto started = utc_now();
  const StageMeter unlearning(group, session.device());
  const auto collectives = make_collectives(group, session.device());
  auto data = unlearn_data(c, baseline.dataset, *baseline.target.tokenizer, baseline.target.prompt_template);
  data.target_fingerprint = baseline.record.provenance.model_checksum;
  auto options = c.unlearn_training();
  const auto training_folder = folder / "training" / cell_id(c);
  options.checkpoint_folder = training_folder;
  options.identity = to_ini(relevant_to_cell(baseline, c)) + baseline.record.provenance.model_checksum;
  options.step_log = folder / "logs" / (cell_id(c) + ".train.jsonl");
  std::vector<TrainingStep> training;
  Progress progress(concat(c.method.name, ": unlearn"), count_steps(options, static_cast<std::int64_t>(data.forget->size())), "steps");
  auto result = unlearn(baseline.target.transformer, c.method, options, data, *collectives, [&](const StepReport& report) {
    training.push_back(training_step(report));
    progress.advance(1, step_note(report));
  });
  progress.finish();
  const auto cost = unlearning.record("unlearn");
  const auto unlearned = unlearned_model(baseline.target, std::move(result), c.method);
  auto pages = pages_of_cell(group, baseline, unlearned, c, folder);
  auto record = compare_with_baseline(session, group, baseline, unlearned, c, pages);
  record.training = std::move(training);
  record.work.insert(record.work.begin(), cost);
  record.provenance.started = started;
  record.provenance.ended = utc_now();
  if (c.campaign.save_models && group.is_root())
    save_unlearned(folder / "models" / record.id, unlearned, c, record.provenance.model_checksum);
  write_cell_file(group, cell_file(folder, record.id), record);
  pages.remove();
  if (group.is_root()) remove_training_checkpoints(training_folder);
  return record;
}

std::string summary_table(const std::vector<CellRecord>& records) {
  const auto percent = [](const CellRecord& record, const std::string& name) -> std::string {
    for (const auto& rate : record.rates) {
      if (rate.name != name) continue;
      if (rate.total == 0) return "-";
      char text[32];
      std::snprintf(text, sizeof text, "%.1f %% (%llu/%llu)", 100 * rate.value, static_cast<unsigned long long>(rate.count),
                    static_cast<unsigned long long>(rate.total));
      return text;
    }
    return "-";
  };
  const std::vector<std::pair<std::string, std::string>> columns = {{"forget right", "unlearned_right_forget"},
                                                                    {"retain right", "unlearned_right_retain"},
                                                                    {"FocusOnKey", "recovery_focus_on_key"},
                                                                    {"Probab", "recovery_probab"},
                                                                    {"destructive", "destructive"}};
  const auto cell = [](const std::string& text, std::size_t width) { return text + std::string(text.size() < width ? width - text.size() : 1, ' '); };
  std::size_t width = 34;
  for (const auto& record : records) width = std::max(width, record.id.size());
  width += 2;
  std::string table = cell("cell", width);
  for (const auto& [title, name] : columns) table += cell(title, 19);
  table += "\n";
  for (const auto& record : records) {
    table += cell(record.id, width);
    for (const auto& [title, name] : columns) table += cell(percent(record, name), 19);
    table += "\n";
  }
  return table;
}

}  // namespace unpact
