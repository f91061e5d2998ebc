#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "finite.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/checkpoint.hpp"
#include "unpact/model/checkpoint_reader.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostFaults = 30;             // that one message lists
constexpr std::int64_t kChunkBytes = 4 * (1 << 20); // stays in the processor's cache between check and copy

bool is_ignored(const std::string& name, const Architecture& architecture, bool tied) {
  if (tied && name == "lm_head.weight") return true;  // some exporters repeat the tied head
  return std::any_of(architecture.ignored.begin(), architecture.ignored.end(),
                     [&](const char* ending) { return name.ends_with(ending); });
}

/// Files of the bare model, GPT-2's original ones among them, lack the prefix.
void drop_missing_prefix(std::vector<StoredTensor>& tensors, const std::string& prefix, const CheckpointReader& reader) {
  const bool prefixed = std::any_of(reader.tensors().begin(), reader.tensors().end(),
                                    [&](const auto& entry) { return entry.first.starts_with(prefix); });
  const auto& first = tensors.front().name;
  if (prefixed || !reader.contains(first.substr(prefix.size()))) return;
  for (auto& tensor : tensors)
    if (tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
}

/// Missing, extra and misshapen tensors, a line each.
std::vector<std::string> disagreements(const CheckpointReader& reader, const std::vector<StoredTensor>& tensors,
                                       const Architecture& architecture, bool tied) {
  std::vector<std::string> faults;
  std::set<std::string> expected;
  for (const auto& tensor : tensors) {
    expected.insert(tensor.name);
    const auto it = reader.tensors().find(tensor.name);
    if (it == reader.tensors().end()) {
      faults.push_back(concat("missing: ", tensor.name));
    } else if (it->second.shape != tensor.shape) {
      faults.push_back(concat("shape of ", tensor.name, ": ", at::IntArrayRef(it->second.shape), " in the file, ",
                              at::IntArrayRef(tensor.shape), " by config.json"));
    } else if (it->second.dtype != "F32" && it->second.dtype != "F16" && it->second.dtype != "BF16") {
      faults.push_back(concat("dtype of ", tensor.name, ": ", it->second.dtype, ", need F32, F16 or BF16"));
    }
  }
  for (const auto& [name, entry] : reader.tensors())
    if (expected.count(name) == 0 && !is_ignored(name, architecture, tied))
      faults.push_back(concat("unexpected: ", name));
  return faults;
}

void refuse(std::vector<std::string> faults, const fs::path& folder) {
  if (const auto count = faults.size(); count > kMostFaults) {
    faults.resize(kMostFaults);
    faults.push_back(concat("and ", count - kMostFaults, " more"));
  }
  UNPACT_VALIDATE(faults.empty(), concat("the weights in ", folder.string(), " do not fit its config.json"),
                  join(faults, "\n          "), "check that both come from the same checkpoint");
}

void refuse_not_finite(const fs::path& folder, const std::string& name) {
  throw UserError(concat(folder.string(), ": tensor '", name, "' holds NaN or infinity"),
                  "every answer of this model would be meaningless", "use an intact checkpoint");
}

/// Copies and converts a contiguous view chunk by chunk, giving the file's pages back behind each. @return finite?
bool copy_through(const SafetensorsFile& file, const at::Tensor& view, const at::Tensor& target) {
  const auto from = view.view({-1});
  const auto to = target.view({-1});
  const auto chunk = kChunkBytes / static_cast<std::int64_t>(from.element_size());
  bool finite = true;
  for (std::int64_t begin = 0; begin < from.numel(); begin += chunk) {
    const auto part = from.narrow(0, begin, std::min(chunk, from.numel() - begin));
    file.prefetch(part);
    finite = all_finite(part) && finite;
    to.narrow(0, begin, part.numel()).copy_(part);
    file.release(part);
  }
  return finite;
}

/// Cuts a stored tensor into its parts, each a contiguous tensor of its own.
class StoredReader {
 public:
  StoredReader(const CheckpointReader& reader, const fs::path& folder, const c10::Device& device,
               const LoadOptions& options)
      : reader_(reader), folder_(folder), selected_(options.selected),
        options_(at::TensorOptions().dtype(options.dtype).device(device)) {}

  void read(const StoredTensor& stored) const {
    const auto& file = reader_.file_of(stored.name);
    std::int64_t begin = 0;
    for (const auto& part : stored.parts) {
      const auto rows = part.shape.front();
      if (!selected_ || selected_(part.name)) *part.slot = read_part(file, stored, part, begin);
      begin += rows;
    }
  }

 private:
  at::Tensor read_part(const SafetensorsFile& file, const StoredTensor& stored, const WeightSpec& part,
                       std::int64_t begin) const {
    const auto whole = file.tensor(stored.name);
    const auto rows = part.shape.front();
    auto target = at::empty(part.shape, options_);
    bool finite = true;
    if (!stored.transposed) {
      finite = copy_through(file, whole.narrow(0, begin, rows), target);
    } else {
      const auto columns = whole.narrow(-1, begin, rows).t().contiguous();
      finite = all_finite(columns);
      target.copy_(columns);
      file.release(whole);
    }
    if (!finite) refuse_not_finite(folder_, stored.name);
    return target;
  }

  const CheckpointReader& reader_;
  const fs::path& folder_;
  const std::function<bool(const std::string&)>& selected_;
  at::TensorOptions options_;
};

}  // namespace

Weights load_weights(const ModelConfig& config, const fs::path& folder, const c10::Device& device,
                     const LoadOptions& options) {
  UNPACT_EXPECT(options.dtype == at::kFloat || options.dtype == at::kBFloat16 || options.dtype == at::kHalf);
  const CheckpointReader reader(folder);
  const auto& architecture = architecture_of(config.architecture, folder.string());
  Weights weights;
  auto tensors = stored_tensors(config, weights);
  drop_missing_prefix(tensors, architecture.prefix, reader);
  refuse(disagreements(reader, tensors, architecture, config.tied_embeddings), folder);
  std::sort(tensors.begin(), tensors.end(),
            [&](const auto& a, const auto& b) { return reader.place_of(a.name) < reader.place_of(b.name); });
  const StoredReader parts(reader, folder, device, options);
  for (const auto& tensor : tensors) parts.read(tensor);
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  return weights;
}

}  // namespace unpact
