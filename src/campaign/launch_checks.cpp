#include "unpact/campaign/launch_checks.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/run_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr double kMostSeconds = 60;

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

/// The file server's time minus ours, by a file that is written now.
std::optional<double> clock_of_folder(const fs::path& folder) {
  const auto file = folder / concat(".clock-", host_name(), "-", ::getpid());
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return std::nullopt;
  const bool written = ::write(descriptor, "x", 1) == 1 && ::fsync(descriptor) == 0;  // the server has it
  struct stat found = {};
  const bool seen = ::fstat(descriptor, &found) == 0;
  const double here = now();
  ::close(descriptor);
  ::unlink(file.c_str());
  if (!written || !seen) return std::nullopt;
  return static_cast<double>(found.st_mtim.tv_sec) + 1e-9 * static_cast<double>(found.st_mtim.tv_nsec) - here;
}

/// Tasks of the batch job, also of one whose script started this program without a launcher.
std::int64_t tasks_of_job() {
  const char* text = std::getenv("SLURM_NTASKS");
  return text == nullptr ? 0 : std::atoll(text);
}

}  // namespace

bool is_lone_task(const Communicator& world) {
  return world.size() == 1 && tasks_of_step() > 1 && std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr;
}

void refuse_lone_task(const Communicator& world) {
  UNPACT_VALIDATE(!is_lone_task(world), concat("srun started ", tasks_of_step(), " tasks, but each of them is alone"),
                  "MPI does not find the others: it and srun have no PMI in common",
                  "use srun --mpi=pmix (srun --mpi=list says what there is), or mpirun inside of the job");
}

std::vector<double> clock_differences(const Communicator& world) {
  world.barrier();
  world.barrier();  // all leave this one at about the same time
  auto times = world.all_gather(now());
  const double first = times.front();
  for (auto& time : times) time -= first;
  return times;
}

std::string remark_on_clocks(const std::vector<std::string>& hosts, const std::vector<double>& seconds) {
  std::map<std::string, double> wrong;
  for (std::size_t r = 0; r < hosts.size(); ++r)
    if (std::abs(seconds[r]) > kMostSeconds) wrong[hosts[r]] = seconds[r];
  std::vector<std::string> list;
  for (const auto& [host, difference] : wrong)
    list.push_back(concat(host, " by ", difference > 0 ? "+" : "", std::lround(difference), " s"));
  if (list.empty()) return "";
  return concat("clocks differ from that of ", hosts.front(), ": ", join(list, ", "),
                "; this run may stop too early or too late for its job's end");
}

void warn_of_launch(const Communicator& world, const fs::path& folder) {
  const auto tasks = tasks_of_job();
  if (world.size() == 1 && tasks > 1 && tasks_of_step() == 0)
    log::warn(concat("this batch job has ", tasks, " tasks, and one rank of unpact: start it by srun --mpi=pmix or mpirun"));
  const auto clocks = remark_on_clocks(world.all_gather(host_name()), clock_differences(world));
  if (!world.is_root()) return;
  if (!clocks.empty()) log::warn(clocks);
  const auto server = clock_of_folder(folder);
  if (server && std::abs(*server) > kMostSeconds)
    log::warn(concat("the clock of ", host_name(), " and that of the file server of ", folder.string(), " differ by ",
                     std::lround(*server), " s: one of them is wrong, and this run may stop too late for its job's end"));
}

std::int64_t groups_that_span_needlessly(const std::vector<std::string>& hosts, std::int64_t ranks_per_cell) {
  const auto size = static_cast<std::size_t>(ranks_per_cell);
  std::map<std::string, std::size_t> ranks;
  for (const auto& host : hosts) ++ranks[host];
  std::size_t inside = 0, could = 0;
  for (std::size_t first = 0; first + size <= hosts.size(); first += size)
    inside +=
        std::all_of(hosts.begin() + first, hosts.begin() + first + size, [&](const auto& h) { return h == hosts[first]; });
  for (const auto& [host, count] : ranks) could += count / size;
  return static_cast<std::int64_t>(could - inside);
}

void warn_of_groups(const Communicator& world, std::int64_t ranks_per_cell, std::size_t cells) {
  const auto hosts = world.all_gather(host_name());
  if (!world.is_root()) return;
  const auto groups = static_cast<std::size_t>(world.size() / ranks_per_cell);
  if (groups > cells)
    log::warn(concat(groups, " groups of ", ranks_per_cell, " rank(s) for ", cells, " cell(s): ", groups - cells,
                     " have nothing to do; a larger campaign.ranks_per_cell lets them share cells"));
  const auto spanning = groups_that_span_needlessly(hosts, ranks_per_cell);
  if (spanning > 0)
    log::warn(concat(spanning, " group(s) of ", ranks_per_cell,
                     " ranks span nodes though a node has room for them: place ranks in blocks "
                     "(srun --distribution=block, mpirun --map-by slot)"));
}

}  // namespace unpact
