#pragma once
/// Legend of shapes: V vocabulary, D hidden size.
#include <ATen/core/Tensor.h>

namespace unpact::kernels {

/// Rows of the table: (V, D) and int64 tokens (...) -> (..., D). @throws c10::Error for tokens outside the table.
at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens);

}  // namespace unpact::kernels
