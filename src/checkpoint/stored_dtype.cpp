#include <array>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"
#include "unpact/core/atomic_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

struct StoredName {
  const char *in_files, *in_config;
  c10::ScalarType dtype;
};

constexpr std::array kStoredNames = {
    StoredName{"F32", "float32", c10::ScalarType::Float},
    StoredName{"BF16", "bfloat16", c10::ScalarType::BFloat16},
    StoredName{"F16", "float16", c10::ScalarType::Half},
};

std::uint64_t numbers_of(const CheckpointReader& reader, const std::string& dtype) {
  std::uint64_t count = 0;
  for (const auto& [name, entry] : reader.tensors())
    if (entry.dtype == dtype) count += entry.end - entry.begin;
  return dtype == "F32" ? count / 2 : count;  // bytes to pairs of bytes
}

c10::ScalarType dtype_of_config(const ModelConfig& config) {
  for (const char* key : {"dtype", "torch_dtype"})
    for (const auto& known : kStoredNames)
      if (config.original.is_object() && config.original.value(key, Json()) == known.in_config) return known.dtype;
  return c10::ScalarType::Float;
}

}  // namespace

bool has_weights(const fs::path& folder) {
  std::error_code code;
  if (fs::exists(folder / "model.safetensors.index.json", code)) return true;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.path().extension() == ".safetensors") return true;
  return false;
}

c10::ScalarType stored_dtype(const fs::path& folder) {
  put_back_replaced_folder(folder);
  if (!has_weights(folder)) return dtype_of_config(read_model_config(folder));
  const CheckpointReader reader(folder);
  auto most = std::pair<std::uint64_t, c10::ScalarType>(0, c10::ScalarType::Float);
  for (const auto& known : kStoredNames)
    if (const auto count = numbers_of(reader, known.in_files); count > most.first) most = {count, known.dtype};
  return most.second;
}

}  // namespace unpact
