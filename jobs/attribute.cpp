#include "job_table.hpp"

unpact::ExitCode unpact::attribute_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_attribute(world, configuration);
}
