#pragma once
/// Checkpoint folders in Hugging Face's layout.
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "unpact/checkpoint/weights.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct LoadOptions {
  /// What the weights become: kFloat, kBFloat16 or kHalf.
  c10::ScalarType dtype = c10::ScalarType::Float;
  /// Which weights to read, by the names of weight_specs; the others stay undefined and their bytes are not touched.
  /// Unset: all.
  std::function<bool(const std::string&)> selected;
  /// Gets the weights_checksum() of the files that were read; null: it is not taken.
  std::string* checksum = nullptr;
};

/// Reads model.safetensors, or the shards of its index, into new tensors on `device`. Independent: every rank reads for
/// itself, through a mapping whose pages are given back on the way, so that memory peaks at little more than the
/// weights.
/// @throws UserError that lists missing, extra and misshapen tensors together, or names a tensor that is not finite.
Weights load_weights(const ModelConfig& config, const std::filesystem::path& folder, const c10::Device& device,
                     const LoadOptions& options = {});

/// Whether files of weights lie in a folder, of whatever worth.
bool has_weights(const std::filesystem::path& folder);

/// The dtype in which a folder's weights are stored, kFloat, kBFloat16 or kHalf: that of most of their numbers. Headers alone
/// are read; where no weights lie there, config.json says it. @throws UserError for broken files.
c10::ScalarType stored_dtype(const std::filesystem::path& folder);

struct SaveOptions {
  /// Weights beyond this many bytes go into several files with an index; a single tensor is never cut.
  std::uint64_t max_shard_bytes = 5'000'000'000;
  /// Writes what else belongs to the checkpoint into the folder that it is given, before that gets its final name.
  std::function<void(const std::filesystem::path& folder)> also = {};
  /// What the weights are stored in, rounded to the nearest number; unset: their own dtype.
  std::optional<c10::ScalarType> dtype = {};
};

/// Writes config.json, generation_config.json, the weights and the tokenizer's files; the folder appears under its final name
/// only when all are complete. Called by one rank. @throws RuntimeFailure naming a weight that SaveOptions::dtype cannot hold.
void save_checkpoint(const std::filesystem::path& folder, const ModelConfig& config, const Weights& weights,
                     const Tokenizer& tokenizer, const SaveOptions& options = {});

/// A folder can hold a second model, of the same config, that answers with the first one (Transformer::contrast_with):
/// its weights lie in the folder `reinforced`, and contrast.json ({"scale": number}) says so.
constexpr const char* kReinforcedFolder = "reinforced";
constexpr const char* kContrastFile = "contrast.json";

/// The scale of a folder's second model, if it has one. @throws UserError for a broken file or a missing folder.
std::optional<double> contrast_scale_of(const std::filesystem::path& folder);

/// Writes the second model into a checkpoint's folder (SaveOptions::also).
void save_contrast(const std::filesystem::path& folder, const ModelConfig& config, const Weights& reinforced, double scale,
                   const Tokenizer& tokenizer, std::optional<c10::ScalarType> dtype = {});

/// SHA-256 of the weights file; of several files, that of their `sha256sum` lines in the order of their names. With a second
/// model, of the checksums of both and the scale.
std::string weights_checksum(const std::filesystem::path& folder);
/// The latter, of the two checksums.
std::string joint_weights_checksum(const std::string& first, const std::string& second, double scale);

/// SHA-256 of what config.json and generation_config.json decide: shape, rotary frequencies, windows, special ids. Their
/// spelling and fields that nothing heeds do not count.
std::string config_checksum(const ModelConfig& config);

}  // namespace unpact
