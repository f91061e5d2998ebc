#pragma once
/// A forward pass over many sequences of different length at once, row behind row in one tensor, without padding, where
/// the sequences continue a common beginning whose keys and values are there already. No gradients.
///
/// Legend of shapes: R rows of a pass, C positions of a store, U scored rows, D hidden size, H query heads, G key-value
/// heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct AttentionPlan;
class Workspace;

/// Consecutive rows of a pass that belong to one sequence. Its row j stands at position prefix + parent_rows + j and
/// sees the first `prefix` positions of the store, the `parent_rows` rows of the pass from `parent_begin` on (a
/// sequence can fork: several endings behind one middle), and the segment's rows up to itself.
struct PackedSegment {
  std::int64_t begin = 0, rows = 0, prefix = 0;
  std::int64_t parent_begin = 0, parent_rows = 0;
  std::int64_t scored = 0;  ///< how many of its last rows are wanted
  std::int64_t position(std::int64_t row) const { return prefix + parent_rows + row; }
};

/// The rotated keys and the values of one sequence's positions 0..length-1, in every block.
class KeyValueStore {
 public:
  explicit KeyValueStore(const Transformer& model);
  std::int64_t length() const { return length_; }
  /// Forgets the positions from `length` on. @pre length <= length().
  void truncate(std::int64_t length);
  /// Makes room for `capacity` positions.
  void reserve(std::int64_t capacity);
  std::int64_t bytes() const;

 private:
  friend class PackedPass;
  struct Layer {
    at::Tensor keys_CGd, values_CGd;
  };
  std::vector<Layer> layers_;
  at::TensorOptions options_;
  std::int64_t heads_, head_dim_, length_ = 0, capacity_ = 0;
};

/// Queries, keys and values of the first block before rotation. With rotary positions they depend on the token alone,
/// so that a token that occurs in many sequences needs them once.
struct FirstProjections {
  at::Tensor query_MHd, key_MGd, value_MGd;  ///< one row a token of the table; undefined: the model has learned positions
};

/// What a pass runs over.
struct PackedRows {
  std::vector<TokenId> tokens;            ///< R
  std::vector<PackedSegment> segments;    ///< cover 0..R-1 in order
  std::vector<std::int64_t> first_index;  ///< R rows of the table of FirstProjections; empty: compute them
};

/// How attention runs: `fast` takes the kernel made for the device and dtype where there is one, `plain` the definition.
enum class PackedAttention { fast, plain };

/// Runs passes over one model. Keeps its buffers from pass to pass: use one object a model, from one thread.
class PackedPass {
 public:
  explicit PackedPass(const Transformer& model, PackedAttention attention = PackedAttention::fast);
  ~PackedPass();

  /// Final hidden states of the scored rows, normalized, ready for logits: (U, D), in the order of the segments. Every
  /// block but the last runs for all rows; the last one makes keys and values of all rows and the rest of the scored
  /// rows alone. @param store not changed.
  at::Tensor run(const PackedRows& rows, const KeyValueStore& store, const FirstProjections& first = {});

  /// Appends tokens to the store, at most `row_budget` in one pass. @param first_index as in PackedRows, or empty.
  void extend(KeyValueStore& store, const std::vector<TokenId>& tokens, std::int64_t row_budget,
              const FirstProjections& first = {}, const std::vector<std::int64_t>& first_index = {});

  /// Appends tokens to the store and runs `rows` behind them in one pass: their segments may begin with these tokens, too.
  /// One pass reads the weights once. @param first_index of the tokens; empty, or given when rows.first_index is.
  at::Tensor run_behind(const std::vector<TokenId>& tokens, KeyValueStore& store, const PackedRows& rows,
                        const FirstProjections& first = {}, const std::vector<std::int64_t>& first_index = {});

  FirstProjections project_first(const std::vector<TokenId>& tokens);

  /// Bytes that a pass holds for each of its rows, beside the weights and the attention's scores; on CUDA with the MLP's
  /// inner numbers, which on the CPU exist for a part of the rows at a time.
  static std::int64_t bytes_a_row(const Transformer& model);

 private:
  struct Inputs;
  struct KeysValues {
    at::Tensor keys_RGd, values_RGd;
  };
  /// Rows whose keys and values also go into a store, before attention looks: the first `count`.
  struct Keep {
    KeyValueStore* store = nullptr;
    std::int64_t count = 0;
  };
  at::Tensor forward(const PackedRows& rows, const KeyValueStore& store, const Keep& keep, const FirstProjections& first);
  at::Tensor embedded(const Inputs& in) const;
  KeysValues keys_values(const BlockWeights& block, const at::Tensor& normed_RD, const Inputs& in, const FirstProjections& first);
  at::Tensor queries(const BlockWeights& block, const at::Tensor& normed_RD, const Inputs& in, const FirstProjections& first,
                     const at::Tensor& chosen);
  static void keep_rows(const Keep& keep, std::int64_t layer, const KeysValues& fresh);
  at::Tensor normalized(const at::Tensor& x_nD, const at::Tensor& weight_D, const at::Tensor& bias_D);
  /// x W^T + b in the memory of `slot`.
  at::Tensor linear(int slot, const at::Tensor& x_nD, const at::Tensor& weight, const at::Tensor& bias);
  /// A linear projection to heads, and their norm where the model has one: (n, heads, d).
  at::Tensor project(int slot, const at::Tensor& normed_nD, const at::Tensor& weight, const at::Tensor& bias, std::int64_t heads,
                     const at::Tensor& norm_d);
  at::Tensor rotated(at::Tensor x_nHd, const at::Tensor& positions_n) const;
  at::Tensor attend(const at::Tensor& query_QHd, const KeyValueStore& store, std::int64_t layer, const at::Tensor& keys_RGd,
                    const at::Tensor& values_RGd, const AttentionPlan& plan);
  void add_mlp(const BlockWeights& block, at::Tensor& x_nD);
  void prepare_angles(const std::vector<PackedSegment>& segments);

  const Transformer& model_;
  PackedAttention attention_;
  std::unique_ptr<Workspace> workspace_;
  at::Tensor cosine_Pd_, sine_Pd_;
};

}  // namespace unpact
