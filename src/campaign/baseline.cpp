#include "unpact/campaign/baseline.hpp"

#include "provenance.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "unpact/evaluation/evaluate_cell.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// A baseline is filed as a cell in which nothing was unlearned.
Configuration without_method(Configuration c) {
  c.method = MethodOptions();
  c.method.name = "none";
  c.evaluate = EvaluateOptions();
  return c;
}

}  // namespace

Baseline prepare_baseline(const Session& session, const Configuration& c, const fs::path& folder) {
  const auto base = without_method(c);
  auto dataset = load_dataset(c.dataset);
  check_questions(c.judge, dataset, static_cast<std::size_t>(c.dataset.limit));  // before a target is made
  auto checksum = dataset_checksum(dataset);
  const auto name = file_safe(concat(c.model.name, "__", c.dataset.name));
  auto target = prepare_model(session, c, dataset, folder / "models" / name);
  auto questions = ask_questions(dataset, *target.tokenizer, target.prompt_template,
                                 static_cast<std::size_t>(c.prompt.examples), static_cast<std::size_t>(c.dataset.limit));
  for (auto& asked : questions) asked.unit = c.attribution.settings.unit;
  Baseline baseline{std::move(target), std::move(dataset), std::move(questions), std::move(checksum), {}};
  baseline.record = start_record(session, session.world(), baseline, base, Made::baseline);
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
  evaluate_target(session.world(), baseline.target, baseline.questions, base.evaluation_options(), &pages, baseline.record);
  baseline.record.provenance.ended = utc_now();
  write_cell_file(session.world(), file, baseline.record);
  pages.remove();
  return baseline;
}

}  // namespace unpact
