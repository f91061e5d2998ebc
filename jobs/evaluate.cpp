#include <filesystem>

#include "jobs/job_table.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/log.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;

ExitCode run_evaluate(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  require_model(c);
  UNPACT_VALIDATE(!c.evaluate.unlearned.empty(), "no unlearned model was given", "this job compares two models",
                  "add --unlearned DIR");
  const Session session(world, c.run);
  session.open_output(c.run.output);
  const auto unlearned = load_alike(session, c, c.evaluate.unlearned);
  describe_unlearned(c, unlearned.checksums);
  const auto baseline = prepare_baseline(session, c, c.run.output);
  UNPACT_VALIDATE(unlearned.tokenizer->checksum() == baseline.target.tokenizer->checksum(),
                  "the two models have different tokenizers", "their contributions belong to different tokens",
                  "give the unlearned model that came from this target");
  auto pages = pages_of_cell(world, baseline, unlearned, c, c.run.output);
  auto record = compare_with_baseline(session, world, baseline, unlearned, c, pages);
  record.provenance.ended = utc_now();
  write_cell_file(world, cell_file(c.run.output, record.id), record);
  pages.remove();
  if (session.is_root()) {
    collect_campaign(c.run.output, find_cells(c.run.output));
    log::info(concat("\n", summary_table({record})));
    log::info(concat("Results: ", (fs::path(c.run.output) / "campaign.h5").string()));
  }
  world.barrier();
  return ExitCode::done;
}

}  // namespace unpact
