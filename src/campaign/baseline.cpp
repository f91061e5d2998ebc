#include "unpact/campaign/baseline.hpp"

#include <optional>

#include "provenance.hpp"
#include "make_once.hpp"
#include "weight_metrics.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/floor_model.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "relearning.hpp"
#include "unpact/campaign/resources.hpp"
#include "weight_probes.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/fit_questions.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// @param unfinished the folder of the baseline's pages.
ProbeTraining training_of(const Session& session, const Configuration& c, const fs::path& unfinished,
                          const Baseline& baseline) {
  return {session, c, baseline.dataset, fingerprint_of(baseline.record.provenance), fs::path(unfinished) += ".probes"};
}

/// The probes' questions to the model that was never taught, where there is one.
void ask_floor(const Session& session, const Configuration& c, const ProbeTraining& training, FinishedPages& pages,
               Baseline& baseline) {
  const auto folder = floor_model_folder(c);
  if (folder.empty() || !c.probe.arms) return;
  log::info(concat("Asking ", floor_model_label(c), " in ", folder.string(), " what the target knows"));
  const auto mapped = map_alike(session, c, folder);
  UNPACT_VALIDATE(mapped.tokenizer->checksum() == baseline.target.tokenizer->checksum(),
                  concat("the model in ", folder.string(), " has another tokenizer than the target"),
                  "the same prompts must be the same tokens", "give campaign.floor_model a model of the target's family");
  const auto model = open_rounded(session, session.world(), c, mapped, answering_dtype(session, c, mapped));
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  const auto options = open_judge(session, session.world(), c, baseline.judge);
  evaluate_floor(session.world(), model, floor_model_label(c), baseline.questions, options, &pages, baseline.record,
                 weight_probe_table(training));
  measure_floor_depth(session, c, model, &pages, baseline);
}

/// Answers and contributions of the target, in its file.
void ask_target(const Session& session, const Configuration& c, const fs::path& file, const fs::path& unfinished,
                Baseline& baseline) {
  log::info(concat("Asking the target ", baseline.questions.size(), " questions"));
  const auto fingerprint = fingerprint_of(baseline.record.provenance);
  FinishedPages pages(session.world(), unfinished, fingerprint);
  const auto training = training_of(session, c, unfinished, baseline);
  {
    const auto target =
        open_rounded(session, session.world(), c, baseline.target, answering_dtype(session, c, baseline.target));
    const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
    const auto options = open_judge(session, session.world(), c, baseline.judge);
    evaluate_target(session.world(), target, baseline.questions, options, &pages, baseline.record,
                    weight_probe_table(training));
    measure_target(session.world(), target, {baseline.dataset, baseline.questions, options}, &pages, baseline.record);
  }
  give_memory_back(session.device());
  ask_floor(session, c, training, pages, baseline);
  baseline.record.provenance.ended = utc_now();
  fail_together(session.world(), [&] {
    if (session.is_root()) keep_other_baseline(file, fingerprint);
  });
  write_cell_file(session.world(), file, baseline.record);
  pages.remove();
}

}  // namespace

Baseline prepare_baseline(const Session& session, const Configuration& c, const fs::path& folder, Claims* claims,
                          WhileBusy while_busy) {
  const auto base = without_method(c);
  auto dataset = load_dataset(c.dataset);
  check_questions(c.judge, dataset, static_cast<std::size_t>(c.dataset.limit));  // before a target is made
  check_relearning(c, dataset);
  check_written_attempts(c.probe, dataset, static_cast<std::size_t>(c.dataset.limit));
  chosen_metrics(c.metric, {dataset, !judge_row(c.judge).wants_letters});
  auto checksum = dataset_checksum(dataset);
  const auto name = pair_id(c);
  auto target = prepare_target(session, c, dataset, folder / "models" / name, claims, while_busy);
  auto questions = ask_questions(dataset, *target.tokenizer, target.prompt_template,
                                 static_cast<std::size_t>(c.prompt.examples), static_cast<std::size_t>(c.dataset.limit));
  const auto skipped = fit_questions(questions, target.transformer.config(), c.longest_answer(), c.dataset.skip_long);
  for (auto& asked : questions) asked.unit = c.attribution.settings.unit;
  Baseline baseline{std::move(target),    std::move(dataset), std::move(questions), std::move(checksum), {},
                    map_judge(session, c)};
  baseline.skipped_questions = static_cast<std::int64_t>(skipped);
  baseline.record = start_record(session, session.world(), baseline, base, Made::baseline);
  const auto fingerprint = fingerprint_of(baseline.record.provenance);
  baseline.record.provenance.baseline_fingerprint = fingerprint;
  const auto unfinished = folder / "baselines" / (name + ".unfinished");
  std::optional<fs::path> found;
  const auto is_done = [&] { return (found = find_baseline(folder, fingerprint, name)).has_value(); };
  const auto ask = [&] { ask_target(session, base, folder / "baselines" / (name + ".h5"), unfinished, baseline); };
  if (make_once(session.world(), claims, "baseline." + name, is_done, ask, while_busy)) return baseline;
  if (found) remove_folder(unfinished);  // of a job that was killed at its very end
  const fs::path file = session.world().broadcast(found.value_or(fs::path()).string(), 0);
  log::info(concat("Using the target's answers and contributions in ", file.string()));
  baseline.record = read_cell_file(file);
  return baseline;
}

}  // namespace unpact
