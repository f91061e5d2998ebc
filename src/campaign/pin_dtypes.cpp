#include "unpact/campaign/pin_dtypes.hpp"

namespace unpact {

void pin_dtypes(Configuration& c, const c10::Device& device) {
  c.train.dtype = effective_dtype(c.train, device);
  c.model.dtype = c.model.path.empty() ? effective_dtype(c.model.dtype, c10::ScalarType::Float, device)
                                       : effective_dtype(c.model.dtype, std::filesystem::path(c.model.path), device);
}

}  // namespace unpact
