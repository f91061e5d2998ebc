#pragma once
/// Numbers of a frozen model, a few rows an example: log-probabilities, hidden states. They never change, so they can be
/// computed once, by all ranks together, and kept; or anew whenever they are asked for, which is the plain way and the
/// test of the other.
///
/// Legend of shapes: R rows of the asked examples, W width of a row.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/unlearn/example_term.hpp"
#include "unpact/unlearn/variants.hpp"

namespace unpact {

struct CacheOptions {
  FrozenCache where = FrozenCache::memory;
  std::filesystem::path folder;  ///< disk: where the file is put
  double limit_gib = 64;         ///< memory: more than this, a rank, is refused
  /// Names the frozen model (a checksum). Files of the same model and examples are then used again by other methods and
  /// runs; without it a file is gone as soon as nobody reads it.
  std::string fingerprint;
};

/// @throws UserError naming the option.
void check_cache_options(const CacheOptions& options);

/// Examples that run together, packed, when the frozen model runs over all of them once: shortest first, as many as fit into
/// a pass. The rows that are kept lie in this order.
std::vector<std::vector<std::int64_t>> frozen_passes(const std::vector<Example>& examples);

/// A frozen model and how its numbers are kept.
struct Frozen {
  Frozen(const Transformer& frozen) : model(frozen) {}  // NOLINT: a model alone is the usual case
  Frozen(const Transformer& frozen, Collectives& ranks, CacheOptions options)
      : model(frozen), group(&ranks), cache(std::move(options)) {}
  Frozen(const Transformer&&) = delete;  // a temporary would be gone when a term asks it
  Frozen(const Transformer&&, Collectives&, CacheOptions) = delete;
  const Transformer& model;      ///< must outlive the terms
  Collectives* group = nullptr;  ///< shares the work, and makes the construction of a term collective; null: this rank alone
  CacheOptions cache;
};

class FrozenRows {
 public:
  /// What the model says of these examples: their rows one after the other, (R, W).
  using Compute = std::function<at::Tensor(const Transformer&, ExampleIndices)>;

  struct Shape {
    std::string name;                ///< says what the rows are; part of the fingerprint
    std::vector<std::int64_t> rows;  ///< of every example
    std::int64_t width = 1;
  };

  FrozenRows() = default;
  /// Computes all rows, unless they are not to be kept. Whole batches are dealt out, so the numbers do not depend on the
  /// number of ranks. @throws UserError when memory does not suffice, RuntimeFailure when the disk fails.
  FrozenRows(const Examples& examples, Shape shape, const Frozen& frozen, Compute compute);

  /// The rows of these examples, (R, W), on the model's device, without gradient.
  at::Tensor of(ExampleIndices indices) const;
  bool are_kept() const { return values_.defined(); }

 private:
  void compute_in_memory(const std::vector<std::vector<std::int64_t>>& batches);
  void compute_on_disk(const std::vector<std::vector<std::int64_t>>& batches, const Examples& examples);
  std::filesystem::path grow_file(const std::filesystem::path& kept, const std::vector<std::vector<std::int64_t>>& batches,
                                  std::int64_t row_bytes) const;
  void wait() const;
  at::ScalarType dtype() const;
  at::Tensor batch_rows(const std::vector<std::int64_t>& batch) const;
  at::Tensor computed(ExampleIndices indices) const;

  const Transformer* model_ = nullptr;
  Collectives* group_ = nullptr;
  CacheOptions cache_;
  Shape shape_;
  std::vector<std::int64_t> first_row_;  ///< of every example
  std::int64_t all_rows_ = 0;
  Compute compute_;
  at::Tensor values_;  ///< (all rows, W) on the CPU, in memory or mapped; undefined: not kept
};

}  // namespace unpact
