#pragma once
/// The program's jobs, one function each. All are collective over `world` and return the exit code of the program.
#include <string>

#include "unpact/campaign/configuration.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

ExitCode run_finetune(const Communicator& world, const Configuration& configuration);
ExitCode run_unlearn(const Communicator& world, const Configuration& configuration);
ExitCode run_attribute(const Communicator& world, const Configuration& configuration);
ExitCode run_evaluate(const Communicator& world, const Configuration& configuration);
/// Needs the command line: every cell's configuration is resolved from it anew.
ExitCode run_reproduce(const Communicator& world, const CommandLine& command_line);
ExitCode run_collect(const Communicator& world, const Configuration& configuration);
ExitCode run_inspect(const Communicator& world, const Configuration& configuration);
/// Of many lines those that cannot be answered are said to be so; the rest goes on, and then the job ends as user_error.
ExitCode run_ask(const Communicator& world, const Configuration& configuration);

}  // namespace unpact
