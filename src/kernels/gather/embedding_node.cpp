#include "../node.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edge: the table. Saved: table and tokens.
class EmbeddingNode final : public OperationNode {
 public:
  using OperationNode::OperationNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return {at::Tensor()};
    const auto& table_VD = saved(0);
    const auto gradient_RD = as_rows(gradients[0]).contiguous();
    auto sum_VD = collects(table_VD) ? table_VD.mutable_grad() : at::zeros_like(table_VD);
    add_rows(sum_VD, saved(1).flatten().contiguous(), gradient_RD);
    return {collects(table_VD) ? at::Tensor() : sum_VD};
  }
  std::string name() const override { return "EmbeddingNode"; }

 private:
  /// In the order of the rows: tokens may repeat, and the sum must not depend on threads.
  static void add_rows(at::Tensor& sum_VD, const at::Tensor& tokens_R, const at::Tensor& rows_RD) {
    const auto width = rows_RD.size(1);
    const auto* const tokens = tokens_R.const_data_ptr<std::int64_t>();
    const float* from = rows_RD.const_data_ptr<float>();
    float* const sums = sum_VD.mutable_data_ptr<float>();
    for (std::int64_t row = 0; row < rows_RD.size(0); ++row, from += width) {
      float* const to = sums + tokens[row] * width;
      for (std::int64_t i = 0; i < width; ++i) to[i] += from[i];
    }
  }
};

}  // namespace

at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens) {
  UNPACT_EXPECT(is_plain(table_VD));
  auto rows = [&] {
    const c10::NoGradGuard guard;
    return at::embedding(table_VD, tokens);  // refuses tokens outside the table
  }();
  record<EmbeddingNode>({table_VD}, {rows}, std::vector<at::Tensor>{table_VD, tokens});
  return rows;
}

}  // namespace unpact::kernels::node
