#include <filesystem>

#include "jobs/job_table.hpp"
#include "unpact/core/log.hpp"
#include "unpact/store/collect.hpp"

namespace unpact {
namespace fs = std::filesystem;

ExitCode run_collect(const Communicator& world, const CommandLine&, const Configuration& c) {
  if (world.is_root()) {
    UNPACT_VALIDATE(fs::is_directory(fs::path(c.run.output) / "cells"), concat("no campaign in ", c.run.output),
                    "it has no folder 'cells'", "give the campaign's folder with --output DIR");
    const auto plan = read_plan(c.run.output);
    const auto summary = collect_campaign(c.run.output, plan ? *plan : find_cells(c.run.output));
    log::info(concat((fs::path(c.run.output) / "campaign.h5").string(), ": ", summary.describe()));
  }
  world.barrier();
  return ExitCode::done;
}

}  // namespace unpact
