#include "unpact/comm/collectives.hpp"

#include <ATen/ATen.h>
#include <cmath>
#include <cstdlib>

#include "backends.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact {
namespace backend {

void check_tensor(const at::Tensor& tensor, const at::Device& device) {
  UNPACT_EXPECT(tensor.defined());
  UNPACT_EXPECT(tensor.is_contiguous());
  const auto dtype = tensor.scalar_type();
  UNPACT_EXPECT(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kDouble || dtype == at::kLong);
  UNPACT_EXPECT(tensor.device().type() == device.type());
  UNPACT_EXPECT(device.is_cpu() || tensor.device().index() == device.index());
}

bool check_full_and_shard(const at::Tensor& full, const at::Tensor& shard, const at::Device& device, int rank, int size) {
  check_tensor(full, device);
  check_tensor(shard, device);
  UNPACT_EXPECT(full.scalar_type() == shard.scalar_type());
  UNPACT_EXPECT(full.numel() == size * shard.numel());
  const auto* whole = static_cast<const char*>(full.const_data_ptr());
  const auto* part = static_cast<const char*>(shard.const_data_ptr());
  if (shard.nbytes() == 0 || part + shard.nbytes() <= whole || whole + full.nbytes() <= part) return false;
  UNPACT_EXPECT(part == whole + static_cast<std::size_t>(rank) * shard.nbytes());  // an overlap must be in-place
  return true;
}

bool note_wait(const std::string& collective, double seconds) {
  log::detail(concat("waiting for the other ranks in ", collective, " for ", seconds, " s"));
  return true;
}

}  // namespace backend

namespace {

double time_limit(const CollectiveOptions& options, const c10::Device& device) {
  UNPACT_EXPECT(options.timeout_seconds >= 0 && options.max_elements_per_call > 0);
  if (options.timeout_seconds > 0) return options.timeout_seconds;
  const char* text = std::getenv("UNPACT_COLLECTIVE_TIMEOUT");
  if (text == nullptr) return device.is_cuda() ? 300 : 1800;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  UNPACT_VALIDATE(end != text && *end == '\0' && std::isfinite(seconds) && seconds > 0,
                  concat("UNPACT_COLLECTIVE_TIMEOUT is \"", text, "\""), "it must be a positive number of seconds",
                  "unset the variable, or set it to 600, say");
  return seconds;
}

}  // namespace

std::unique_ptr<Collectives> make_collectives(const Communicator& group, const c10::Device& device,
                                              const CollectiveOptions& options) {
  UNPACT_EXPECT(device.is_cpu() || device.is_cuda());
  auto resolved = options;
  resolved.timeout_seconds = time_limit(options, device);
  if (group.size() == 1 && !options.even_alone) return backend::make_single();
  if (device.is_cpu()) return backend::make_mpi(group, resolved);
#ifdef UNPACT_HAS_NCCL
  return backend::make_nccl(group, device, resolved);
#else
  throw UserError(concat(group.size(), " ranks cannot work together on GPUs"), "this build has no NCCL support",
                  "build with UNPACT_NCCL=ON, start one rank, or choose the CPU");
#endif
}

}  // namespace unpact
