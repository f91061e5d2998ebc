#include "../node.hpp"
#include "forms.hpp"
#include "unpact/core/error.hpp"

namespace unpact::kernels::node {
namespace {

using torch::autograd::variable_list;

/// Edges: query, key, value. Saved: the same, the output, the rows' normalizers.
class CausalAttentionNode final : public OperationNode {
 public:
  using OperationNode::OperationNode;

  variable_list apply(variable_list&& gradients) override {
    const c10::NoGradGuard guard;
    if (!gradients[0].defined()) return variable_list(3);
    const cpu::CausalAttention forward{saved(3), saved(4)};
    auto [query, key, value] =
        cpu::causal_attention_backward(saved(0), saved(1), saved(2), forward, gradients[0].contiguous());
    return {std::move(query), std::move(key), std::move(value)};
  }
  std::string name() const override { return "CausalAttentionNode"; }
};

}  // namespace

at::Tensor causal_attention(const at::Tensor& query_BSHd, const at::Tensor& key_BSGd, const at::Tensor& value_BSGd) {
  UNPACT_EXPECT(query_BSHd.dim() == 4 && key_BSGd.dim() == 4 && key_BSGd.sizes() == value_BSGd.sizes());
  for (const auto axis : {0, 1, 3}) UNPACT_EXPECT(query_BSHd.size(axis) == key_BSGd.size(axis));
  UNPACT_EXPECT(query_BSHd.size(2) % key_BSGd.size(2) == 0);
  const auto query = query_BSHd.detach().contiguous(), key = key_BSGd.detach(), value = value_BSGd.detach();
  const auto [out, normalizers_BHS] = cpu::causal_attention(query, key, value);
  record<CausalAttentionNode>({query_BSHd, key_BSGd, value_BSGd}, {out},
                              std::vector<at::Tensor>{query, key, value, out.detach(), normalizers_BHS});
  return out;
}

}  // namespace unpact::kernels::node
