#pragma once
/// The jobs by name. Each has a file of its own, which calls one function of the campaign layer.
#include <string>

#include "unpact/campaign/jobs.hpp"

namespace unpact {

using Job = ExitCode (*)(const Communicator& world, const CommandLine& line, const Configuration& configuration);

ExitCode finetune_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode unlearn_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode attribute_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode evaluate_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode reproduce_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode collect_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode inspect_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);
ExitCode ask_job(const Communicator& world, const CommandLine& line, const Configuration& configuration);

/// @throws ContractViolation for an unknown name: help_text() refuses it with a readable message before.
Job job_named(const std::string& name);

}  // namespace unpact
