#include "nccl_resources.hpp"

#ifdef UNPACT_HAS_NCCL
#include <exception>
#include <utility>

#include "pause.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

constexpr double kGoodbyeSeconds = 30;  // how long the destructor waits for the other ranks

std::string version_text(int code) { return concat(code / 10000, ".", code / 100 % 100, ".", code % 100); }

}  // namespace

void require_matching_nccl() {
  int running = 0;
  const auto result = ncclGetVersion(&running);
  if (result == ncclSuccess && running / 100 == NCCL_VERSION_CODE / 100) return;
  throw RuntimeFailure("the NCCL library is not the one that unpact was built for",
                       concat("built for ", version_text(NCCL_VERSION_CODE), ", loaded ", version_text(running)),
                       "check LD_LIBRARY_PATH and loaded modules, or build again with this NCCL");
}

NcclHandle::~NcclHandle() {
  if (comm_ != nullptr && std::uncaught_exceptions() == 0 && finalize()) {
    ncclCommDestroy(comm_);
  } else {
    abort();
  }
}

void NcclHandle::abort() {
  if (comm_ != nullptr) ncclCommAbort(std::exchange(comm_, nullptr));
}

bool NcclHandle::finalize() {
  const Stopwatch watch;
  const Pause pause(kSpinForDevice);
  auto state = ncclCommFinalize(comm_);
  while (state == ncclInProgress && watch.seconds() < kGoodbyeSeconds) {
    pause.next();
    if (ncclCommGetAsyncError(comm_, &state) != ncclSuccess) return false;
  }
  return state == ncclSuccess;
}

}  // namespace unpact::backend
#endif  // UNPACT_HAS_NCCL
