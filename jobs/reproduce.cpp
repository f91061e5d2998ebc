#include "job_table.hpp"

unpact::ExitCode unpact::reproduce_job(const Communicator& world, const CommandLine& line, const Configuration&) {
  return run_reproduce(world, line);
}
