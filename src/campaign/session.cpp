#include "unpact/campaign/session.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <filesystem>

#include "unpact/campaign/launch_checks.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/log_folder.hpp"
#include "unpact/core/run_identity.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

c10::Device prepare_device(const Communicator& world, const RunOptions& options) {
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  // TF32 is for those who ask for it (Tf32Products), whatever the environment says; and cuBLAS would else add partial sums
  // of a product in half precision.
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowBF16ReductionCuBLAS(false);
  at::globalContext().setAllowFP16ReductionCuBLAS(false);
  return choose_device(world, options.device);
}

}  // namespace

Session::Session(const Communicator& world, const RunOptions& options)
    : world_(world), device_(prepare_device(world, options)), devices_(world.all_gather(describe_device(device_))) {}

Session::Session(const Session& job, const Communicator& ranks)
    : world_(ranks), device_(job.device_), devices_(ranks.all_gather(describe_device(device_))), loads_(job.loads_) {}

void Session::open_output(const std::string& folder) const {
  require_writable_folder(folder);
  const auto identity = run_identity();
  auto logs = std::filesystem::path(folder) / "logs";
  if (!identity.job.empty()) logs /= concat("job-", identity.job);
  if (world_.is_root()) logs = log::own_folder(logs);  // jobs may share the folder
  log::open_file(world_.broadcast(logs.string(), 0));
  if (!identity.job.empty()) log::info(concat("Started by Slurm: ", identity.describe()));
  log::detail(concat("rank ", world_.rank(), " of ", world_.size(), " on ",
                     devices_[static_cast<std::size_t>(world_.rank())], "; ", identity.describe(), ", process ",
                     ::getpid()));
  for (const auto& [name, value] : launch_environment()) log::detail(concat("environment: ", name, "=", value));
  if (!describe_time_limit().empty()) log::info(describe_time_limit());
  warn_of_launch(world_, folder);
}

std::map<std::string, std::string> library_versions() {
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  UNPACT_MPI(MPI_Get_library_version(mpi, &length));
  return {{"torch", TORCH_VERSION}, {"mpi", trim(std::string(mpi, static_cast<std::size_t>(length)).substr(0, 60))}};
}

}  // namespace unpact
