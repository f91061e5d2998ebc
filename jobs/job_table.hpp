#pragma once
/// The program's jobs: name, help and body, one row each. A body stands in the file or folder of its name.
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/core/error.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Does the job. Collective over `world`. @return the exit code of the program.
/// @param line the command line behind `configuration`: a campaign resolves it once more for each cell.
using JobBody = ExitCode (*)(const Communicator& world, const CommandLine& line, const Configuration& configuration);

struct Job {
  std::string name, summary, usage;
  std::vector<std::string> sections;                                    ///< of the options that it heeds
  JobBody run;                                                          ///< nullptr: it has run_alone
  ExitCode (*run_alone)(const Configuration& configuration) = nullptr;  ///< on one process, for which MPI is not started
};

/// All jobs, by name.
const std::vector<Job>& job_table();

/// @throws UserError for an unknown name, with the nearest known one.
const Job& job_named(const std::string& name);

/// Help of one job: what it does and the options that it uses; without a name the list of all.
std::string help_text(const std::string& name);

/// @throws UserError when no model is given: for jobs that work on an existing checkpoint.
void require_model(const Configuration& configuration);

/// Refuses settings of [attribution] that only whole evaluations heed. @throws UserError naming the option.
void require_token_removal(const Configuration& configuration, const std::string& job);

/// Refuses a generator where no job heeds it. @throws UserError naming the option.
void refuse_generator(const Configuration& configuration);

ExitCode run_ask(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_attribute(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_collect(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_evaluate(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_export(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_finetune(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_inspect(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_reproduce(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode run_status(const Configuration& configuration);
ExitCode run_unlearn(const Communicator& world, const CommandLine& line, const Configuration& configuration);

}  // namespace unpact
