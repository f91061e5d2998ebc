#include "job_table.hpp"

unpact::ExitCode unpact::finetune_job(const Communicator& world, const CommandLine&, const Configuration& configuration) {
  return run_finetune(world, configuration);
}
