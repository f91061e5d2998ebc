#pragma once
/// A forward pass over many sequences of different length at once, row after row in one tensor, without padding, where
/// the sequences continue a common beginning whose keys and values are there already. No gradients.
///
/// Legend of shapes: R rows of a pass, C positions of a store, U scored rows, D hidden size, H query heads, G key-value
/// heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "unpact/inference/key_value_store.hpp"
#include "unpact/kernels/packed_attention.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

using kernels::PackedSegment;

/// Queries, keys and values of the first block before rotation. With rotary positions they depend on the token alone,
/// so that a token that occurs in many sequences needs them once.
struct FirstProjections {
  at::Tensor query_MHd, key_MGd, value_MGd;  ///< one row a token of the table; undefined: the model has learned positions
};

class KeyValuePool;

/// What a pass runs over.
struct PackedRows {
  std::vector<TokenId> tokens;            ///< R
  std::vector<PackedSegment> segments;    ///< cover 0..R-1 in order
  std::vector<std::int64_t> first_index;  ///< R rows of the table of FirstProjections; empty: compute them
  std::size_t fillers = 0;                ///< the last segments only fill the pass up: they are no work that counts
};

/// Floating-point operations of PackedPass over these segments (model/operation_count.hpp has the formulas): every block but
/// the last for all rows; the last makes keys and values of all and the rest of the scored rows alone.
/// @param from_table whether the first block's projections come from the table, which project_first() has paid for.
double pass_operations(const ModelConfig& config, const std::vector<PackedSegment>& segments, bool from_table);

/// Those of project_first().
double table_operations(const ModelConfig& config, std::size_t tokens);

/// How attention runs: `fast` takes the kernel made for the device and dtype where there is one, `plain` the definition.
enum class PackedAttention { fast, plain };

/// Runs passes over one model. Keeps its buffers from pass to pass: use one object a model, from one thread.
class PackedPass {
 public:
  explicit PackedPass(const Transformer& model, PackedAttention attention = PackedAttention::fast);
  ~PackedPass();

  /// Final hidden states of the scored rows, normalized, ready for logits: (U, D), in the order of the segments. Every
  /// block but the last runs for all rows; the last one makes keys and values of all rows and the rest of the scored
  /// rows alone. Memory of its own. @param store not changed.
  at::Tensor run(const PackedRows& rows, const KeyValueStore& store, const FirstProjections& first = {});

  /// The same where each segment goes on a sequence of its own: its first row stands at position `prefix`, and its keys and
  /// values before and from there on lie in the blocks of its table. Undefined where no row is scored.
  at::Tensor run(const PackedRows& rows, const KeyValuePool& pool, const std::vector<std::vector<std::int64_t>>& tables);

  /// Appends tokens to the store, at most `row_budget` in one pass. @param first_index as in PackedRows, or empty.
  void extend(KeyValueStore& store, const std::vector<TokenId>& tokens, std::int64_t row_budget,
              const FirstProjections& first = {}, const std::vector<std::int64_t>& first_index = {});

  /// Appends tokens to the store and runs `rows` after them in one pass: their segments may begin with these tokens, too.
  /// One pass reads the weights once. @param first_index of the tokens; empty, or given when rows.first_index is.
  at::Tensor run_behind(const std::vector<TokenId>& tokens, KeyValueStore& store, const PackedRows& rows,
                        const FirstProjections& first = {}, const std::vector<std::int64_t>& first_index = {});

  FirstProjections project_first(const std::vector<TokenId>& tokens);

  /// Bytes that a pass holds for each of its rows, beside the weights and the attention's scores; on CUDA with the MLP's
  /// inner numbers, which on the CPU exist for a part of the rows at a time.
  static std::int64_t bytes_a_row(const Transformer& model);

 private:
  class Runner;
  std::unique_ptr<Runner> runner_;
};

}  // namespace unpact
