#include <filesystem>

#include "jobs/job_table.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"
#include "unpact/store/results_folder.hpp"

namespace unpact {
namespace fs = std::filesystem;

ExitCode run_evaluate(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  require_model(c);
  UNPACT_VALIDATE(!c.evaluate.unlearned.empty(), "no unlearned model was given", "this job compares two models",
                  "add --unlearned DIR");
  const Session session(world, c.run);
  session.open_output(c.run.output);
  try_results_folder(world, c.run.output);
  describe_unlearned(c);
  const auto unlearned = load_language_model(c.evaluate.unlearned, c.prompt.resolve(), session.device());
  const auto baseline = prepare_baseline(session, c, c.run.output);
  UNPACT_VALIDATE(unlearned.tokenizer->checksum() == baseline.target.tokenizer->checksum(),
                  "the two models have different tokenizers", "their contributions belong to different tokens",
                  "give the unlearned model that came from this target");
  auto pages = pages_of_cell(world, baseline, unlearned, c, c.run.output);
  auto record = compare_with_baseline(session, world, baseline, unlearned, c, pages);
  record.provenance.ended = utc_now();
  write_cell_file(world, cell_file(c.run.output, record.id), record);
  const auto collect = [&] {
    if (!session.is_root()) return;
    collect_campaign(c.run.output, find_cells(c.run.output), [] { leave_where_stop_is_wanted("collecting the cells"); });
    log::info(concat("\n", summary_table({record})));
    log::info(concat("Results: ", (fs::path(c.run.output) / "campaign.h5").string()));
  };
  fail_together(world, collect, Telling::error_alone);
  pages.remove();  // last: a job that was stopped before does not compute them again
  return ExitCode::done;
}

}  // namespace unpact
