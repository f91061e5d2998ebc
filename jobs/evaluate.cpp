#include "job_table.hpp"

unpact::ExitCode unpact::evaluate_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_evaluate(world, configuration);
}
