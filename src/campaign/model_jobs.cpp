#include <fstream>

#include "attribution_summary.hpp"
#include "tune.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/jobs.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/model/checkpoint.hpp"
#include "unpact/record/cell_file.hpp"
#include "unpact/record/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void require_model(const Configuration& c) {
  UNPACT_VALIDATE(!c.model.path.empty(), "no model was given", "this job works on an existing checkpoint", "add --model DIR");
}

}  // namespace

ExitCode run_finetune(const Communicator& world, const Configuration& c) {
  const Session session(world, c.run);
  session.open_output(c.run.output);
  const auto folder = fs::path(c.run.output) / "model";
  finetune_into(session, c, load_dataset(c.dataset), folder);
  log::info(concat("The fine-tuned model is in ", folder.string()));
  return ExitCode::done;
}

ExitCode run_unlearn(const Communicator& world, const Configuration& c) {
  require_model(c);
  const Session session(world, c.run);
  session.open_output(c.run.output);
  const auto dataset = load_dataset(c.dataset);
  const auto target = load_language_model(c.model.path, c.prompt.resolve(), session.device());
  const auto data = unlearn_examples(c.unlearn, dataset, *target.tokenizer, target.prompt_template);
  const auto collectives = make_collectives(world, session.device());
  const auto options = c.unlearn_training();
  Progress progress(c.method.name, count_steps(options, static_cast<std::int64_t>(data.forget->size())), "steps");
  const auto result = unlearn(target.transformer, c.method, options, data, *collectives, [&](const StepReport& report) {
    log::detail(concat("step ", report.step, " loss ", report.loss, " gradient norm ", report.gradient_norm, " lr ", report.learning_rate));
    progress.advance(1, concat("loss ", report.loss));
  });
  progress.finish();
  const auto folder = fs::path(c.run.output) / "model";
  if (session.is_root()) save_checkpoint(folder, target.transformer.config(), result.weights, *target.tokenizer);
  world.barrier();
  log::info(concat("The unlearned model is in ", folder.string()));
  return ExitCode::done;
}

ExitCode run_attribute(const Communicator& world, const Configuration& c) {
  require_model(c);
  const Session session(world, c.run);
  session.open_output(c.run.output);
  if (c.attribution.tune) return tune_thresholds(session, c);
  const auto baseline = prepare_baseline(session, c, c.run.output);
  if (session.is_root()) {
    log::info(concat("\n", summary_table({baseline.record})));
    for (const auto& [name, text] : attribution_summary(baseline.record)) log::info(concat(name, ": ", text));
  }
  log::info(concat("Answers and contributions: ", (fs::path(c.run.output) / "baselines").string()));
  return ExitCode::done;
}

ExitCode run_evaluate(const Communicator& world, const Configuration& c) {
  require_model(c);
  UNPACT_VALIDATE(!c.evaluate.unlearned.empty(), "no unlearned model was given", "this job compares two models", "add --unlearned DIR");
  const Session session(world, c.run);
  session.open_output(c.run.output);
  const auto unlearned = load_language_model(c.evaluate.unlearned, c.prompt.resolve(), session.device());
  const auto baseline = prepare_baseline(session, c, c.run.output);
  UNPACT_VALIDATE(unlearned.tokenizer->checksum() == baseline.target.tokenizer->checksum(), "the two models have different tokenizers",
                  "their contributions belong to different tokens", "give the unlearned model that came from this target");
  auto record = compare_with_baseline(session, world, baseline, unlearned, c);
  record.provenance.ended = utc_now();
  write_cell_file(world, cell_file(c.run.output, record.id), record);
  if (session.is_root()) {
    collect_campaign(c.run.output, find_cells(c.run.output));
    log::info(concat("\n", summary_table({record})));
    log::info(concat("Results: ", (fs::path(c.run.output) / "campaign.h5").string()));
  }
  world.barrier();
  return ExitCode::done;
}

ExitCode run_collect(const Communicator& world, const Configuration& c) {
  if (world.is_root()) {
    UNPACT_VALIDATE(fs::is_directory(fs::path(c.run.output) / "cells"), concat("no campaign in ", c.run.output), "it has no folder 'cells'",
                    "give the campaign's folder with --output DIR");
    const auto summary = collect_campaign(c.run.output, find_cells(c.run.output));
    log::info(concat((fs::path(c.run.output) / "campaign.h5").string(), ": ", summary.finished, " cell(s) finished, ", summary.missing,
                     " missing, ", summary.broken, " broken"));
  }
  world.barrier();
  return ExitCode::done;
}

}  // namespace unpact
