#pragma once
/// Rows of tables by index: an embedding, and keys and values of attention.
///
/// Legend of shapes: V vocabulary, D hidden size, R rows, X positions of a store, G key-value heads, d head size.
#include <cstdint>

#include "../form.hpp"
#include "unpact/kernels/embedding.hpp"

namespace unpact::kernels {

/// LibTorch's operation is reference and, without gradients, the fastest.
Form embedding_form(const at::Tensor& table_VD);

/// The rows `index_R` of [the first `stored` rows of stored_XGd | fresh_RGd], of keys and of values.
/// Undefined stored ones: none.
struct Gathered {
  at::Tensor keys_RGd, values_RGd;
};

namespace reference {
Gathered gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                     const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd, const at::Tensor& index_R);
}  // namespace reference

namespace cuda {
/// In one pass. @pre rows of a multiple of 16 bytes.
Gathered gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                     const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd, const at::Tensor& index_R);
}  // namespace cuda

namespace node {
/// The gradient of a table that collects costs only its rows.
at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens);
}  // namespace node

}  // namespace unpact::kernels
