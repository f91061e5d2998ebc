#pragma once
#include <c10/core/Device.h>

#include "unpact/options/configuration.hpp"

namespace unpact {

/// Puts in place of model.dtype = auto and train.dtype = auto what they come to on the device: what results depend on, are
/// filed under and say. A target that is made answers in the dtype of what it is made of. @throws UserError as
/// effective_dtype, before anything is loaded.
void pin_dtypes(Configuration& configuration, const c10::Device& device);
/// The same for a device of this compute_capability(), which need not be here.
void pin_dtypes(Configuration& configuration, const c10::Device& device, int capability);

}  // namespace unpact
