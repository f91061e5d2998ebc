#pragma once
/// What a model computes in when it answers and is attributed (model.dtype); trainings have ComputeType (train/trainer.hpp).
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <string>

#include "unpact/core/enumeration.hpp"

namespace unpact {

enum class ModelDtype {
  automatic,  ///< on CUDA that of the checkpoint's files where the GPU computes in it, else fp32
  fp32,
  tf32,  ///< fp32 weights whose products run in TF32: CUDA alone
  bf16,
  fp16,
};
UNPACT_ENUMERATION(ModelDtype, "auto", "fp32", "tf32", "bf16", "fp16");

/// What `asked` comes to on a device: never automatic. Scores, log-sum-exp and sums are in float32 whatever it is.
/// @param stored dtype of the checkpoint's weights (stored_dtype).
/// @throws UserError for what the device lacks; nothing is loaded for it.
ModelDtype effective_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device);

/// The same for the checkpoint in a folder, of which headers are read where they decide. @throws also as stored_dtype.
ModelDtype effective_dtype(ModelDtype asked, const std::filesystem::path& folder, const c10::Device& device);

/// The dtype of the weights in memory. @param effective not automatic.
c10::ScalarType weights_dtype(ModelDtype effective);

/// Both in one: the dtype of the weights in memory. @throws as effective_dtype.
c10::ScalarType resolve_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device);
c10::ScalarType resolve_dtype(ModelDtype asked, const std::filesystem::path& folder, const c10::Device& device);

/// Refuses what the device lacks. @throws UserError.
void check_model_dtype(ModelDtype asked, const c10::Device& device);

/// The same of a device of this compute_capability(), which need not be here.
ModelDtype effective_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device, int capability);

/// The rules behind these. @param capability compute_capability() of the device.
/// Why it does not compute in `dtype`; empty: it does.
std::string lack_of_dtype(ModelDtype dtype, const c10::Device& device, int capability);
/// What automatic comes to.
ModelDtype automatic_dtype(c10::ScalarType stored, const c10::Device& device, int capability);

}  // namespace unpact
