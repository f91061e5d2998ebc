#include "job_table.hpp"

unpact::ExitCode unpact::collect_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_collect(world, configuration);
}
