#include "job_table.hpp"

unpact::ExitCode unpact::inspect_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_inspect(world, configuration);
}
