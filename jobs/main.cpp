/// unpact JOB [--config FILE] [--section.key value ...]
///
/// main() starts MPI (but for jobs that need none), resolves the configuration, calls the job and turns every exception into
/// one readable message and an exit code.
#include <algorithm>
#include <iostream>

#include "jobs/job_table.hpp"
#include "jobs/leaving.hpp"
#include "unpact/campaign/launch_checks.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/run_identity.hpp"
#include "unpact/core/standard_streams.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/core/version.hpp"

namespace {

using unpact::ExitCode;

/// All ranks stopped together. Where a time limit ended the run before anything was finished that the next start could build
/// on, that one would come no further: it must not be asked for.
int end_of_stop(const unpact::Communicator& world, const std::string& message) {
  const bool goes_on = unpact::stop_signal_came() || unpact::made_progress();
  if (world.max(std::int64_t{goes_on ? 1 : 0}) > 0) {
    if (world.is_root() && !message.empty()) unpact::log::error(message);
    return static_cast<int>(ExitCode::requeue);
  }
  if (world.is_root())
    unpact::log::error(
        "the time was over before anything was finished that the next start could build on\n"
        "  reason: the next step, page or cell takes longer than run.time_limit or the batch system's job leaves\n"
        "  hint:   give more time; attribution.save_every makes pages smaller, train.checkpoint_every saves more often");
  return static_cast<int>(ExitCode::failure);
}

/// Rank 0 asks the batch system, once for all.
unpact::JobEnd shared_job_end(const unpact::Communicator& world) {
  auto end = world.is_root() ? unpact::job_end_of_batch_system() : unpact::JobEnd();
  world.broadcast_bytes(&end.seconds, sizeof end.seconds, 0);
  end.unknown = world.broadcast(end.unknown, 0);
  return end;
}

int run_job(const unpact::Communicator& world, const unpact::CommandLine& line, const unpact::Job& job) {
  unpact::Configuration configuration;
  const unpact::SharedError shared(world);
  try {
    unpact::fail_together(
        world, [&] { configuration = line.resolve(); }, unpact::Telling::error_alone);
    if (line.wants_configuration()) {
      if (world.is_root()) std::cout << line.printed();
      return 0;
    }
    if (job.name != "inspect") {
      if (unpact::is_lone_task(world) && unpact::run_identity().task != "0") return 0;  // task 0 speaks for all
      unpact::refuse_lone_task(world);
    }
  } catch (const std::exception& error) {
    return unpact::report_together(world, error);
  }
  try {
    unpact::heed_stop_signal(configuration.run.stop_signal);
    const auto ignored = unpact::set_time_limit(60 * configuration.run.time_limit, shared_job_end(world));
    if (world.is_root() && !ignored.empty()) unpact::log::warn(ignored);
    const auto code = job.run(world, line, configuration);
    return code == ExitCode::requeue ? end_of_stop(world, "") : static_cast<int>(code);
  } catch (const unpact::StoppedAtCheckpoint& stopped) {
    return end_of_stop(world, stopped.what());
  } catch (const std::exception& error) {
    return shared.report(error);
  }
}

int run(const unpact::Communicator& world, const std::vector<std::string>& arguments) {
  const std::string name = arguments.empty() ? "" : arguments.front();
  if (name == "--version") {
    if (world.is_root()) std::cout << "unpact " << unpact::version() << " (commit " << unpact::git_commit() << ")\n";
    return 0;
  }
  if (name.empty() || name == "--help" || name == "help") {
    if (world.is_root()) (name.empty() ? std::cerr : std::cout) << unpact::help_text("");
    return name.empty() ? static_cast<int>(ExitCode::user_error) : 0;
  }
  const unpact::CommandLine line(name, {arguments.begin() + 1, arguments.end()});
  try {
    const auto help = unpact::help_text(name);  // also refuses unknown jobs
    if (line.wants_help()) {
      if (world.is_root()) std::cout << help;
      return 0;
    }
    return run_job(world, line, unpact::job_named(name));
  } catch (const std::exception& error) {
    return unpact::report_together(world, error);
  }
}

/// Whether the job looks on from a login node, say, where MPI may refuse to start.
bool needs_no_mpi(const std::vector<std::string>& arguments) {
  return !arguments.empty() && std::ranges::any_of(unpact::job_table(), [&](const unpact::Job& job) {
    return job.name == arguments.front() && job.run_alone != nullptr;
  });
}

int run_alone(const std::vector<std::string>& arguments) {
  const unpact::CommandLine line(arguments.front(), {arguments.begin() + 1, arguments.end()});
  try {
    if (line.wants_help()) {
      std::cout << unpact::help_text(line.job());
      return 0;
    }
    const auto configuration = line.resolve();
    if (line.wants_configuration()) {
      std::cout << line.printed();
      return 0;
    }
    return static_cast<int>(unpact::job_named(line.job()).run_alone(configuration));
  } catch (const std::exception& error) {
    unpact::log::error(unpact::message_for_user(error));
    return static_cast<int>(unpact::in_plain_words(error).code);
  }
}

/// Data that did not come out are an error, what people read only where it could have come out.
int with_output(int status) {
  if (status != 0 || std::cout.flush()) return status;
  if (unpact::stdout_leads_nowhere() && !unpact::log::stdout_is_for_data()) return status;
  unpact::log::error(
      "standard output cannot be written\n  reason: the disk is full or the reader has gone\n"
      "  hint:   send it elsewhere");
  return static_cast<int>(ExitCode::failure);
}

}  // namespace

int main(int argc, char** argv) {
  unpact::guard_standard_streams();
  unpact::install_stop_signal();  // first: until then the signal would end the process
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (needs_no_mpi(arguments)) unpact::leave(0, 1, with_output(run_alone(arguments)));
  int rank = 0, ranks = 1, status = 0;
  {
    unpact::MpiSession session(&argc, &argv);
    const auto world = unpact::Communicator::world();
    rank = world.rank();
    ranks = world.size();
    unpact::log::set_rank(rank, ranks);
    status = unpact::shared_status(world, with_output(run(world, arguments)));
  }
  unpact::leave(rank, ranks, status);
}
