#include <filesystem>

#include "jobs/attribute/attribution_summary.hpp"
#include "jobs/attribute/tune.hpp"
#include "jobs/job_table.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/baseline.hpp"
#include "unpact/campaign/endpoints.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "unpact/campaign/summary_table.hpp"
#include "unpact/core/log.hpp"
#include "unpact/store/results_folder.hpp"

namespace unpact {
namespace fs = std::filesystem;

ExitCode run_attribute(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  require_model(c);
  heed_endpoints(c);
  const Session session(world, c.run);
  pin_dtypes(c, session.device());
  pin_judge_model(world, c);
  session.open_output(c.run.output);
  const OutputClaim claim(world, c.run.output, "attribute", c.campaign);
  try_results_folder(world, c.run.output);
  if (c.attribution.tune) return tune_thresholds(session, c);
  const auto baseline = prepare_baseline(session, c, c.run.output);
  if (session.is_root()) {
    log::info(concat("\n", summary_table({baseline.record})));
    for (const auto& [name, text] : attribution_summary(baseline.record)) log::info(concat(name, ": ", text));
  }
  log::info(concat("Answers and contributions: ", (fs::path(c.run.output) / "baselines").string()));
  return ExitCode::done;
}

}  // namespace unpact
