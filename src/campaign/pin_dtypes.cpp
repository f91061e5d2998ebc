#include "unpact/campaign/pin_dtypes.hpp"

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/device.hpp"

namespace unpact {

void pin_dtypes(Configuration& c, const c10::Device& device) { pin_dtypes(c, device, compute_capability(device)); }

void pin_dtypes(Configuration& c, const c10::Device& device, int capability) {
  c.train.dtype = effective_dtype(c.train, capability);
  const bool by_files =
      c.model.dtype == ModelDtype::automatic && !device.is_cpu() && !c.model.path.empty() && c.model.endpoint.url.empty();
  c.model.dtype =
      effective_dtype(c.model.dtype, by_files ? stored_dtype(c.model.path) : c10::ScalarType::Float, device, capability);
}

}  // namespace unpact
