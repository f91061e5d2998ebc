#include <filesystem>
#include <optional>

#include "jobs/job_table.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/endpoints.hpp"
#include "unpact/campaign/floor_model.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"
#include "unpact/store/cell_places.hpp"
#include "unpact/store/collect.hpp"
#include "unpact/store/results_folder.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// Another model of the same method gets a name of its own: the cell of the first is kept.
void name_apart(Configuration& c) {
  const fs::path folder = c.run.output;
  const auto has_other_model = [&] {
    const auto file = cell_file(folder, cell_id(c));
    if (!fs::exists(file)) return false;
    try {
      return read_cell_file(file).provenance.resolved_configuration.find(c.evaluate.checksum) == std::string::npos;
    } catch (const UserError&) {
      return false;  // damaged: made again
    }
  };
  constexpr std::size_t kShortChecksum = 8;
  if (has_other_model()) c.method.name = concat(c.method.name, "-", c.evaluate.checksum.substr(0, kShortChecksum));
}

void collect(const CellRecord& record, const fs::path& folder) {
  collect_campaign(folder, find_cells(folder), [] { leave_where_stop_is_wanted("collecting the cells"); });
  log::info(concat("\n", summary_table({record})));
  log::info(concat("Results: ", (folder / "campaign.h5").string()));
}

}  // namespace

ExitCode run_evaluate(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  require_model(c);
  refuse_generator(c);
  UNPACT_VALIDATE(!c.evaluate.unlearned.empty() || !c.endpoint.unlearned.url.empty(), "no unlearned model was given",
                  "this job compares two models", "add --unlearned DIR, or --endpoint.unlearned URL");
  heed_endpoints(c);
  const Session session(world, c.run);
  pin_dtypes(c, session.device());
  pin_floor_model(world, c);
  pin_judge_model(world, c);
  session.open_output(c.run.output);
  try_results_folder(world, c.run.output);
  const auto mapped = map_unlearned(session, c);
  describe_unlearned(c, mapped.checksums);
  on_root(world, [&] { name_apart(c); });
  c.method.name = world.broadcast(c.method.name, 0);
  auto claims = claims_of_job(world, c.run.output, c.campaign);
  std::optional<Claim> claim;
  on_root(world, [&] { claim = claim_or_refuse(claims, cell_id(c)); });
  const auto baseline = prepare_baseline(session, c, c.run.output, &claims);
  UNPACT_VALIDATE(mapped.tokenizer->checksum() == baseline.target.tokenizer->checksum(),
                  "the two models have different tokenizers", "their contributions belong to different tokens",
                  "give the unlearned model that came from this target");
  const auto unlearned =
      open_rounded(session, world, c, mapped, weights_dtype(c.model.dtype));  // the target has left the device
  auto pages = pages_of_cell(world, baseline, unlearned, c, c.run.output);
  auto record = compare_with_baseline(session, world, baseline, unlearned, c, pages);
  record.provenance.ended = utc_now();
  file_cell(world, c.run.output, record);
  on_root(world, [&] { collect(record, c.run.output); });
  pages.remove();  // last: a job that was stopped before does not compute them again
  return ExitCode::done;
}

}  // namespace unpact
