#include "unpact/checkpoint/checkpoint.hpp"

#include <ATen/ATen.h>

#include <cstdio>

#include "finite.hpp"
#include "save_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/safetensors.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

using StoredAs = std::optional<c10::ScalarType>;  ///< unset: as the tensors are

std::uint64_t stored_bytes(const at::Tensor& tensor, StoredAs dtype) {
  return static_cast<std::uint64_t>(tensor.numel()) * c10::elementSize(dtype.value_or(tensor.scalar_type()));
}

std::vector<NamedTensors> cut_into_shards(const NamedTensors& tensors, std::uint64_t max_bytes, StoredAs dtype) {
  std::vector<NamedTensors> shards(1);
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto own = stored_bytes(tensor, dtype);
    if (!shards.back().empty() && bytes + own > max_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().emplace_back(name, tensor);
    bytes += own;
  }
  return shards;
}

/// One file at a time is converted.
NamedTensors stored_as(NamedTensors tensors, StoredAs dtype) {
  for (auto& [name, tensor] : tensors) {
    if (!dtype || tensor.scalar_type() == *dtype) continue;
    tensor = tensor.detach().to(at::kCPU, *dtype).contiguous();
    if (!all_finite(tensor))
      throw RuntimeFailure(concat("tensor '", name, "' cannot be stored in the dtype of the model that it was made of"),
                           concat(c10::toString(*dtype), " does not reach its largest number"),
                           "start from a checkpoint in float32 or bfloat16");
  }
  return tensors;
}

/// model-00001-of-00003.safetensors
std::string shard_name(std::size_t index, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

void write_weights(const fs::path& folder, const NamedTensors& tensors, const SaveOptions& options) {
  const auto shards = cut_into_shards(tensors, options.max_shard_bytes, options.dtype);
  if (shards.size() == 1) {
    write_safetensors(folder / "model.safetensors", stored_as(tensors, options.dtype));
    return;
  }
  Json index;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto file = shard_name(i, shards.size());
    write_safetensors(folder / file, stored_as(shards[i], options.dtype));
    for (const auto& [name, tensor] : shards[i]) {
      index["weight_map"][name] = file;
      bytes += stored_bytes(tensor, options.dtype);
    }
  }
  index["metadata"]["total_size"] = bytes;
  write_file_atomically(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

std::string dtype_name(c10::ScalarType dtype) {
  if (dtype == at::kBFloat16) return "bfloat16";
  return dtype == at::kHalf ? "float16" : "float32";
}

}  // namespace

void save_checkpoint(const fs::path& folder, const ModelConfig& config, const Weights& weights, const Tokenizer& tokenizer,
                     const SaveOptions& options) {
  UNPACT_EXPECT(options.max_shard_bytes > 0);
  save_folder(folder, [&](const fs::path& temporary) {
    write_weights(temporary, file_tensors(config, weights), options);
    const auto dtype = options.dtype.value_or(weights.embedding_VD.scalar_type());
    const auto json = model_config_json(config, dtype_name(dtype));
    write_file_atomically(temporary / "config.json", json.dump(2) + "\n");
    write_file_atomically(temporary / "generation_config.json", generation_config_json(config).dump(2) + "\n");
    for (const auto& file : tokenizer.files()) fs::copy_file(file, temporary / file.filename());
    if (options.also) options.also(temporary);
  });
}

std::optional<double> contrast_scale_of(const fs::path& folder) {
  put_back_replaced_folder(folder);
  const auto file = folder / kContrastFile;
  if (!fs::exists(file)) return std::nullopt;
  const auto json = read_json_file(file);
  UNPACT_VALIDATE(json.is_object() && json.contains("scale") && json["scale"].is_number(),
                  concat("cannot read ", file.string()), "it has no number 'scale'", "write the folder anew");
  UNPACT_VALIDATE(fs::is_directory(folder / kReinforcedFolder),
                  concat("the second model of ", folder.string(), " is missing"),
                  concat("there is no folder ", kReinforcedFolder), "copy the whole folder");
  return json["scale"].get<double>();
}

void save_contrast(const fs::path& folder, const ModelConfig& config, const Weights& reinforced, double scale,
                   const Tokenizer& tokenizer, std::optional<c10::ScalarType> dtype) {
  SaveOptions options;
  options.dtype = dtype;
  save_checkpoint(folder / kReinforcedFolder, config, reinforced, tokenizer, options);
  Json json;
  json["scale"] = scale;
  write_file_atomically(folder / kContrastFile, json.dump(2) + "\n");
}

}  // namespace unpact
