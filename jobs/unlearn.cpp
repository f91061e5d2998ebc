#include "job_table.hpp"

unpact::ExitCode unpact::unlearn_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_unlearn(world, configuration);
}
