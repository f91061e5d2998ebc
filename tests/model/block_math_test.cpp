#include "unpact/model/block_math.hpp"

#include <gtest/gtest.h>

#include "support/operations.hpp"
#include "unpact/kernels/graph_only.hpp"

namespace unpact {
namespace {

using namespace testing_support;

TEST(Mlp, WithoutItsLastProductTheGradientsAreTheSameBits) {
  at::manual_seed(10);
  for (const auto kind : {MlpKind::gated, MlpKind::plain}) {
    ModelConfig config;
    config.block.mlp = kind;
    config.block.activation = kind == MlpKind::gated ? Activation::silu : Activation::gelu_new;
    const Operation mlp = [&](const Tensors& t) {
      BlockWeights block;
      block.gate_FD = t[1];
      block.up_FD = t[2];
      block.down_DF = t[3];
      block.up_bias_F = kind == MlpKind::plain ? t[4] : at::Tensor();
      // A plain MLP has no gate, a gated one no bias here.
      return block_math::mlp(config, block, t[0]) + (t[1].sum() + t[4].sum()) * 0;
    };
    const Tensors inputs{noise({2, 3, 8}), noise({12, 8}), noise({12, 8}), noise({8, 12}), noise({12})};
    const auto full = differentiate(mlp, inputs);
    const GraphOnly nobody_reads_the_output;
    const auto graph = differentiate(mlp, inputs);
    EXPECT_TRUE(at::equal(graph.value, at::zeros({2, 3, 8})));
    for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(at::equal(graph.gradients[i], full.gradients[i])) << i;
  }
}

}  // namespace
}  // namespace unpact
