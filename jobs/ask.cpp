#include "job_table.hpp"

unpact::ExitCode unpact::ask_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_ask(world, configuration);
}
