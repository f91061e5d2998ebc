#include "checkpoint_fit.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

constexpr std::array kHeads = {"lm_head.weight", "embed_out.weight"};  // the latter is GPT-NeoX's
constexpr std::array kEmbeddingsOfT5 = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
constexpr std::size_t kMostFaults = 30;  // that one message lists

void refuse(std::vector<std::string> faults, const std::filesystem::path& folder) {
  if (const auto count = faults.size(); count > kMostFaults) {
    faults.resize(kMostFaults);
    faults.push_back(concat("and ", count - kMostFaults, " more"));
  }
  UNPACT_VALIDATE(faults.empty(), concat("the weights in ", folder.string(), " do not fit its config.json"),
                  join(faults, "\n          "), "check that both come from the same checkpoint");
}

bool is_ignored(const std::string& name, const Architecture& architecture, bool tied) {
  if (tied && std::ranges::find(kHeads, name) != kHeads.end()) return true;  // some exporters repeat the tied head
  return std::any_of(architecture.ignored.begin(), architecture.ignored.end(),
                     [&](const char* ending) { return name.ends_with(ending); });
}

void drop_missing_prefix(std::vector<StoredTensor>& tensors, const std::string& prefix,
                         const std::map<std::string, TensorEntry>& in_files) {
  const bool prefixed =
      std::any_of(in_files.begin(), in_files.end(), [&](const auto& entry) { return entry.first.starts_with(prefix); });
  const auto& first = tensors.front().name;
  if (prefixed || in_files.count(first.substr(prefix.size())) == 0) return;
  for (auto& tensor : tensors)
    if (tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
}

std::size_t embedding_index(const std::vector<StoredTensor>& tensors, const Weights& weights) {
  const auto found = std::ranges::find_if(
      tensors, [&](const StoredTensor& tensor) { return tensor.parts.front().slot == &weights.embedding_VD; });
  UNPACT_EXPECT(found != tensors.end());
  return static_cast<std::size_t>(found - tensors.begin());
}

}  // namespace

bool is_copy_by_name(const std::string& name) {
  return std::ranges::find(kHeads, name) != kHeads.end() ||
         std::ranges::find(kEmbeddingsOfT5, name) != kEmbeddingsOfT5.end();
}

std::optional<std::string> head_of(const std::map<std::string, TensorEntry>& in_files) {
  for (const char* name : kHeads)
    if (in_files.contains(name)) return name;
  return std::nullopt;
}

std::vector<StoredTensor> named_as_in_files(const ModelConfig& config, const std::map<std::string, TensorEntry>& in_files,
                                            Weights& weights) {
  auto tensors = stored_tensors(config, weights);
  drop_missing_prefix(tensors, architecture_of(config.architecture, "").prefix, in_files);
  const auto head = head_of(in_files);
  auto& embedding = tensors[embedding_index(tensors, weights)];
  if (embedding.name == "shared.weight")
    for (const char* name : kEmbeddingsOfT5)
      if (!in_files.contains(embedding.name) && in_files.contains(name)) embedding.name = name;
  if (config.tied_embeddings && head && !in_files.contains(embedding.name)) embedding.name = *head;
  for (auto& tensor : tensors)  // GPT-NeoX's head under the name that it has in memory
    if (tensor.name == "embed_out.weight" && head && !in_files.contains(tensor.name)) tensor.name = *head;
  return tensors;
}

std::string embedding_of(const std::vector<StoredTensor>& tensors, const Weights& weights) {
  return tensors[embedding_index(tensors, weights)].name;
}

std::vector<std::string> disagreements(const std::map<std::string, TensorEntry>& in_files,
                                       const std::vector<StoredTensor>& tensors, const Architecture& architecture,
                                       bool tied) {
  std::vector<std::string> faults;
  std::set<std::string> expected;
  for (const auto& tensor : tensors) {
    expected.insert(tensor.name);
    const auto it = in_files.find(tensor.name);
    if (it == in_files.end()) {
      faults.push_back(concat("missing: ", tensor.name));
    } else if (it->second.shape != tensor.shape) {
      faults.push_back(concat("shape of ", tensor.name, ": ", at::IntArrayRef(it->second.shape), " in the file, ",
                              at::IntArrayRef(tensor.shape), " by config.json"));
    } else if (it->second.dtype != "F32" && it->second.dtype != "F16" && it->second.dtype != "BF16") {
      faults.push_back(concat("dtype of ", tensor.name, ": ", it->second.dtype,
                              it->second.dtype.starts_with("F8") ? " (8 bits a number: a quantized checkpoint)" : "",
                              ", need F32, F16 or BF16"));
    }
  }
  for (const auto& [name, entry] : in_files)
    if (expected.count(name) == 0 && !is_ignored(name, architecture, tied)) faults.push_back(concat("unexpected: ", name));
  return faults;
}

std::vector<StoredTensor> fitting_tensors(const ModelConfig& config, const std::filesystem::path& folder,
                                          const CheckpointReader& reader, Weights& weights) {
  const auto& architecture = architecture_of(config.architecture, folder.string());
  auto tensors = named_as_in_files(config, reader.tensors(), weights);
  refuse(disagreements(reader.tensors(), tensors, architecture, config.tied_embeddings), folder);
  return tensors;
}

}  // namespace unpact
