#include "unpact/model/compute_dtype.hpp"

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

ModelDtype dtype_of(c10::ScalarType stored) {
  if (stored == c10::ScalarType::BFloat16) return ModelDtype::bf16;
  return stored == c10::ScalarType::Half ? ModelDtype::fp16 : ModelDtype::fp32;
}

void refuse_lack(ModelDtype asked, const c10::Device& device, int capability) {
  const auto lack = lack_of_dtype(asked, device, capability);
  UNPACT_VALIDATE(lack.empty(), concat("option 'model.dtype' is '", name_of_value(asked), "', which the device lacks"), lack,
                  "use model.dtype = auto, or another device");
}

}  // namespace

std::string lack_of_dtype(ModelDtype dtype, const c10::Device& device, int capability) {
  if (device.is_cpu()) return dtype == ModelDtype::tf32 ? "TF32 is a way in which GPUs multiply, and this is a CPU" : "";
  const bool is_new = dtype == ModelDtype::tf32 || dtype == ModelDtype::bf16;
  if (!is_new || capability >= kCapabilityOfBf16) return {};
  return concat("this GPU has compute capability ", capability, ".x, and ", name_of_value(dtype), " needs ",
                kCapabilityOfBf16, ".0");
}

ModelDtype automatic_dtype(c10::ScalarType stored, const c10::Device& device, int capability) {
  const auto own = device.is_cpu() ? ModelDtype::fp32 : dtype_of(stored);
  return lack_of_dtype(own, device, capability).empty() ? own : ModelDtype::fp32;
}

ModelDtype effective_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device) {
  return effective_dtype(asked, stored, device, compute_capability(device));
}

ModelDtype effective_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device, int capability) {
  if (asked == ModelDtype::automatic) return automatic_dtype(stored, device, capability);
  refuse_lack(asked, device, capability);
  return asked;
}

ModelDtype effective_dtype(ModelDtype asked, const std::filesystem::path& folder, const c10::Device& device) {
  const bool by_files = asked == ModelDtype::automatic && !device.is_cpu();
  return effective_dtype(asked, by_files ? stored_dtype(folder) : c10::ScalarType::Float, device);
}

void check_model_dtype(ModelDtype asked, const c10::Device& device) {
  refuse_lack(asked, device, compute_capability(device));
}

c10::ScalarType weights_dtype(ModelDtype effective) {
  UNPACT_EXPECT(effective != ModelDtype::automatic);
  if (effective == ModelDtype::bf16) return c10::ScalarType::BFloat16;
  return effective == ModelDtype::fp16 ? c10::ScalarType::Half : c10::ScalarType::Float;
}

c10::ScalarType resolve_dtype(ModelDtype asked, c10::ScalarType stored, const c10::Device& device) {
  return weights_dtype(effective_dtype(asked, stored, device));
}

c10::ScalarType resolve_dtype(ModelDtype asked, const std::filesystem::path& folder, const c10::Device& device) {
  return weights_dtype(effective_dtype(asked, folder, device));
}

}  // namespace unpact
