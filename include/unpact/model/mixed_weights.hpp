#pragma once
/// Weights between those of two models of one shape (Wang et al., arXiv 2406.09179, calibrate unlearned models by it).
#include <ATen/core/Tensor.h>

#include "unpact/checkpoint/config.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/model/sharded_replica.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

/// share * target + (1 - share) * unlearned (torch.lerp) in float32, for every weight, in the dtype and on the device of
/// `unlearned`; 1 gives the target's own. @param share in [0, 1]. @throws UserError naming the weight whose shapes differ.
Weights mixed_weights(const ModelConfig& config, const Weights& target, const Weights& unlearned, double share);

/// The same of a sharded model, piece by piece: nobody gathers anything. @param target cut over the same ranks. Collective over
/// `group` as sharded_transformer().
Transformer mixed_on_shards(const Communicator& group, const WeightPieces& target, const Transformer& unlearned,
                            double share);

}  // namespace unpact
