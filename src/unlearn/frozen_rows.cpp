#include "unpact/unlearn/frozen_rows.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "row_file.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/kernels/training_bits.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

// Tokens of a pass when the frozen model runs over everything once: enough for matrix products to be fast; where there are
// few examples fewer, so that several ranks find work. The number of ranks must not matter: it would show in the last bits.
constexpr std::int64_t kPasses = 16, kLeastTokensAPass = 1024, kMostTokensAPass = 8192;

/// Everything that decides what the rows hold.
std::string name_of(const FrozenRows::Shape& shape, const std::vector<Example>& examples, const std::string& model,
                    at::ScalarType dtype) {
  std::string text = concat(shape.name, ", by length\n", model, "\n", shape.width, " ", at::toString(dtype), "\n");
  for (const auto& example : examples) {
    text.append(reinterpret_cast<const char*>(example.ids.data()), example.ids.size() * sizeof(TokenId));
    text.append(reinterpret_cast<const char*>(example.has_loss.data()), example.has_loss.size());
    text += '\n';
  }
  return sha256_of_bytes(text);
}

std::int64_t from_root(Collectives* group, std::int64_t value, const c10::Device& device) {
  if (group == nullptr) return value;
  auto shared = at::full({1}, value, at::TensorOptions().dtype(at::kLong).device(device));
  group->broadcast(shared, 0);
  return shared.item<std::int64_t>();
}

}  // namespace

std::vector<std::vector<std::int64_t>> frozen_passes(const std::vector<Example>& examples) {
  std::vector<std::int64_t> order(examples.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto length = [&](std::int64_t i) { return example_length(examples, i); };
  std::ranges::stable_sort(order, {}, length);
  const auto budget = std::clamp(count_tokens(examples, order) / kPasses, kLeastTokensAPass, kMostTokensAPass);
  std::vector<std::vector<std::int64_t>> passes;
  std::int64_t tokens = 0;
  for (const auto i : order) {
    if (passes.empty() || tokens + length(i) > budget) {
      passes.emplace_back();
      tokens = 0;
    }
    passes.back().push_back(i);
    tokens += length(i);
  }
  return passes;
}

void check_cache_options(const CacheOptions& options) {
  UNPACT_VALIDATE(options.limit_gib >= 0 && std::isfinite(options.limit_gib),
                  concat("option 'method.cache_gib' is ", options.limit_gib), "it must be a finite number >= 0", "use 64");
}

FrozenRows::FrozenRows(const Examples& examples, Shape shape, const Frozen& frozen, Compute compute)
    : model_(&frozen.model), group_(frozen.group), cache_(frozen.cache), shape_(std::move(shape)),
      compute_(std::move(compute)) {
  UNPACT_EXPECT(shape_.rows.size() == examples->size());
  if (cache_.where == FrozenCache::none) return;
  const auto passes = frozen_passes(*examples);
  first_row_.resize(shape_.rows.size());
  for (const auto& pass : passes)
    for (const auto example : pass) {
      first_row_[static_cast<std::size_t>(example)] = all_rows_;
      all_rows_ += shape_.rows[static_cast<std::size_t>(example)];
    }
  if (cache_.where == FrozenCache::memory) compute_in_memory(passes);
  else compute_on_disk(passes, examples);
}

/// Log-probabilities are float32, hidden states what the model computes in.
at::ScalarType FrozenRows::dtype() const {
  return shape_.width == 1 ? at::kFloat : model_->weights().embedding_VD.scalar_type();
}

at::Tensor FrozenRows::computed(ExampleIndices indices) const {
  const c10::NoGradGuard guard;
  const TrainingBits bits;
  return compute_(*model_, indices).detach();
}

at::Tensor FrozenRows::batch_rows(const std::vector<std::int64_t>& batch) const {
  const auto last = static_cast<std::size_t>(batch.back());
  const auto first = first_row_[static_cast<std::size_t>(batch.front())], end = first_row_[last] + shape_.rows[last];
  return values_.narrow(0, first, end - first);
}

void FrozenRows::compute_in_memory(const std::vector<std::vector<std::int64_t>>& batches) {
  const double gib = static_cast<double>(all_rows_) * static_cast<double>(shape_.width) *
                     static_cast<double>(c10::elementSize(dtype())) / std::pow(2.0, 30);
  UNPACT_VALIDATE(gib <= cache_.limit_gib,
                  concat("keeping ", shape_.name, " of the frozen model needs ", gib, " GiB a rank"),
                  concat("option 'method.cache_gib' allows ", cache_.limit_gib),
                  "set method.cache = disk, or none to compute them in every step");
  values_ = at::zeros({all_rows_, shape_.width}, at::TensorOptions().dtype(dtype()));
  const std::size_t ranks = group_ == nullptr ? 1 : static_cast<std::size_t>(group_->size());
  const std::size_t mine = group_ == nullptr ? 0 : static_cast<std::size_t>(group_->rank());
  for (std::size_t round = 0; round < batches.size(); round += ranks) {
    if (round + mine < batches.size()) batch_rows(batches[round + mine]).copy_(computed({batches[round + mine], true}));
    for (std::size_t owner = 0; ranks > 1 && owner < ranks && round + owner < batches.size(); ++owner) {
      const auto rows = batch_rows(batches[round + owner]);
      if (rows.numel() == 0) continue;
      auto sent = rows.to(model_->device()).contiguous();
      group_->broadcast(sent, static_cast<int>(owner));
      if (owner != mine) rows.copy_(sent);
    }
  }
}

void FrozenRows::compute_on_disk(const std::vector<std::vector<std::int64_t>>& batches, const Examples& examples) {
  const auto row_bytes = shape_.width * static_cast<std::int64_t>(c10::elementSize(dtype()));
  const bool is_root = group_ == nullptr || group_->rank() == 0;
  const auto kept = cache_.folder / concat(name_of(shape_, *examples, cache_.fingerprint, dtype()).substr(0, 32), ".rows");
  const bool is_there = is_root && !cache_.fingerprint.empty() && fs::exists(kept) &&
                        static_cast<std::int64_t>(fs::file_size(kept)) == all_rows_ * row_bytes;
  if (from_root(group_, is_there ? 1 : 0, model_->device()) == 0) {
    const auto growing = grow_file(kept, batches, row_bytes);
    if (cache_.fingerprint.empty()) {
      values_ = map_rows(growing, all_rows_, shape_.width, dtype());
      wait();
      if (is_root) fs::remove(growing);  // the mappings keep it until they go
      return;
    }
    if (is_root) {
      sync_to_disk(growing);
      fs::rename(growing, kept);
    }
    wait();
  }
  values_ = map_rows(kept, all_rows_, shape_.width, dtype());
}

/// A new file that the ranks fill together, each its own batches. Two groups of a campaign may make the same rows at once:
/// each has a file of its own until it is renamed.
fs::path FrozenRows::grow_file(const fs::path& kept, const std::vector<std::vector<std::int64_t>>& batches,
                               std::int64_t row_bytes) const {
  const auto tag =
      from_root(group_, (std::chrono::steady_clock::now().time_since_epoch().count() << 20) ^ ::getpid(), model_->device());
  const auto growing = cache_.folder / concat(kept.stem().string(), ".", static_cast<std::uint64_t>(tag), ".growing");
  if (group_ == nullptr || group_->rank() == 0) {
    require_writable_folder(cache_.folder);
    make_row_file(growing, all_rows_ * row_bytes);
  }
  wait();
  const std::size_t ranks = group_ == nullptr ? 1 : static_cast<std::size_t>(group_->size());
  for (std::size_t b = group_ == nullptr ? 0 : static_cast<std::size_t>(group_->rank()); b < batches.size(); b += ranks)
    write_rows(growing, first_row_[static_cast<std::size_t>(batches[b].front())] * row_bytes,
               computed({batches[b], true}).to(at::kCPU, dtype()).contiguous());
  wait();
  return growing;
}

void FrozenRows::wait() const {
  if (group_ != nullptr) group_->barrier();
}

at::Tensor FrozenRows::of(ExampleIndices indices) const {
  if (!values_.defined()) return computed(indices);
  std::vector<at::Tensor> parts;
  for (const auto index : indices) {
    const auto i = static_cast<std::size_t>(index);
    parts.push_back(values_.narrow(0, first_row_[i], shape_.rows[i]));
  }
  return at::cat(parts).to(model_->device());
}

}  // namespace unpact
