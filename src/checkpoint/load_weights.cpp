#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <future>

#include "checkpoint_fit.hpp"
#include "finite.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kChunkBytes = 1 << 20;  // stays in the processor's cache between check and copy
constexpr std::int64_t kBlockBytes = 8 << 20;  // is read while the one before it is copied

void refuse_not_finite(const fs::path& folder, const std::string& name) {
  throw UserError(concat(folder.string(), ": tensor '", name, "' holds NaN or infinity"),
                  "every answer of this model would be meaningless", "use an intact checkpoint");
}

/// float16 ends at 65504, which float32 and bfloat16 do not.
void refuse_overflow(const fs::path& folder, const std::string& name, const at::Tensor& stored, const at::Tensor& loaded) {
  if (loaded.scalar_type() != at::kHalf || stored.scalar_type() == at::kHalf) return;
  UNPACT_VALIDATE(at::isfinite(loaded).all().item<bool>(),
                  concat(folder.string(), ": tensor '", name, "' does not fit into fp16"),
                  "its largest number is beyond 65504", "use model.dtype = bf16 or fp32");
}

/// Calls use.template operator()<T>() with the C++ type of a dtype of weights.
template <typename Use>
void with_type(at::ScalarType type, const Use& use) {
  if (type == at::kBFloat16) return use.template operator()<at::BFloat16>();
  if (type == at::kHalf) return use.template operator()<at::Half>();
  UNPACT_EXPECT(type == at::kFloat);
  use.template operator()<float>();
}

/// A loop of our own: copy_() of so few numbers spends its time on waking threads and waiting for them.
void convert(const at::Tensor& from, const at::Tensor& to) {
  with_type(from.scalar_type(), [&]<typename From>() {
    with_type(to.scalar_type(), [&]<typename To>() {
      const auto* source = from.const_data_ptr<From>();
      auto* target = to.mutable_data_ptr<To>();
      const auto count = from.numel();
      for (std::int64_t i = 0; i < count; ++i) target[i] = static_cast<To>(static_cast<float>(source[i]));
    });
  });
}

/// Checks, copies and converts one block. @return finite?
bool copy_block(const at::Tensor& from, const at::Tensor& to) {
  const auto chunk = kChunkBytes / static_cast<std::int64_t>(from.element_size());
  bool finite = true;
  for (std::int64_t begin = 0; begin < from.numel(); begin += chunk) {
    const auto part = from.narrow(0, begin, std::min(chunk, from.numel() - begin));
    const auto place = to.narrow(0, begin, part.numel());
    finite = all_finite(part) && finite;
    if (!place.is_cpu()) {
      place.copy_(part);
    } else if (place.scalar_type() == part.scalar_type()) {
      std::memcpy(place.mutable_data_ptr(), part.const_data_ptr(), part.nbytes());
    } else {
      convert(part, place);
    }
  }
  return finite;
}

/// Copies part of a flat view block by block, the next one being read from the disk meanwhile, and gives the file's
/// pages back behind each. @return finite?
bool copy_range(const SafetensorsFile& file, const at::Tensor& from, const at::Tensor& to) {
  const auto size = kBlockBytes / static_cast<std::int64_t>(from.element_size());
  const auto block_at = [&](std::int64_t begin) { return from.narrow(0, begin, std::min(size, from.numel() - begin)); };
  bool finite = true;
  auto block = block_at(0);
  file.prefetch(block);
  for (std::int64_t begin = 0; begin < from.numel(); begin += size) {
    std::future<void> reading;
    at::Tensor next;
    if (begin + size < from.numel()) {
      next = block_at(begin + size);
      reading = std::async(std::launch::async, [&file, next] { file.prefetch(next); });
    }
    finite = copy_block(block, to.narrow(0, begin, block.numel())) && finite;
    file.release(block);
    if (reading.valid()) reading.get();
    block = next;
  }
  return finite;
}

/// Copies a contiguous view, each thread a part of it: handing out new memory takes the longest. @return finite?
bool copy_through(const SafetensorsFile& file, const at::Tensor& view, const at::Tensor& target) {
  const auto from = view.view({-1}), to = target.view({-1});
  const auto grain = 4 * kBlockBytes / static_cast<std::int64_t>(from.element_size());
  std::atomic<bool> finite = true;
  at::parallel_for(0, from.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
    if (!copy_range(file, from.narrow(0, begin, end - begin), to.narrow(0, begin, end - begin))) finite = false;
  });
  return finite;
}

/// Cuts a stored tensor into its parts, each a contiguous tensor of its own.
class StoredReader {
 public:
  StoredReader(const CheckpointReader& reader, const fs::path& folder, const c10::Device& device, const LoadOptions& options)
      : reader_(reader), folder_(folder), selected_(options.selected),
        options_(at::TensorOptions().dtype(options.dtype).device(device)) {}

  void read(const StoredTensor& stored) const {
    const auto& file = reader_.file_of(stored.name);
    for (std::size_t i = 0; i < stored.parts.size(); ++i) {
      const auto& part = stored.parts[i];
      if (selected_ && !selected_(part.name)) continue;
      if (stored.is_slice()) read_slice(file, stored, part);
      else *part.slot = read_part(file, stored, i);
    }
  }

 private:
  void read_slice(const SafetensorsFile& file, const StoredTensor& stored, const WeightSpec& part) const {
    const auto whole = file.tensor(stored.name);
    if (!part.slot->defined()) *part.slot = at::empty(part.shape, options_);
    const auto target = part.slot->narrow(stored.axis, stored.first, stored.count);
    target.copy_(whole.view(target.sizes()));
    if (!all_finite(whole)) refuse_not_finite(folder_, stored.name);
    refuse_overflow(folder_, stored.name, whole, target);
    file.release(whole);
  }

  at::Tensor read_part(const SafetensorsFile& file, const StoredTensor& stored, std::size_t index) const {
    const auto whole = file.tensor(stored.name);
    const auto from = part_of(stored, whole, index);
    auto target = at::empty(stored.parts[index].shape, options_);
    bool finite = true;
    if (from.is_contiguous() && stored.groups == 1) {
      finite = copy_through(file, from, target);
    } else {
      const auto rows = from.contiguous();
      finite = all_finite(rows);
      target.copy_(rows);
      file.release(whole);
    }
    if (!finite) refuse_not_finite(folder_, stored.name);
    refuse_overflow(folder_, stored.name, whole, target);
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
  Weights weights;
  auto tensors = fitting_tensors(config, folder, reader, weights);
  std::sort(tensors.begin(), tensors.end(),
            [&](const auto& a, const auto& b) { return reader.place_of(a.name) < reader.place_of(b.name); });
  const StoredReader parts(reader, folder, device, options);
  for (const auto& tensor : tensors) parts.read(tensor);
  if (config.tied_embeddings) weights.head_VD = weights.embedding_VD;
  if (options.checksum != nullptr) *options.checksum = reader.checksum();
  return weights;
}

}  // namespace unpact
