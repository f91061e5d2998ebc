#pragma once
/// Task vectors of several scales from one reinforced model (method.reinforced = shared).
#include <filesystem>
#include <memory>

#include "sequence.hpp"
#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {

/// Whether cells of this method have their reinforced model in common.
bool shares_reinforced(const MethodOptions& method);

/// The reinforced model of a configuration, whatever its scale: train_once(). Collective over `group`.
LastStep reinforced_once(const Session& session, const Communicator& group, const Baseline& baseline,
                         const Configuration& configuration, const std::filesystem::path& folder, Claims* claims);

/// base - scale (reinforced - base) of every weight, computed in float32. @param target, reinforced mapped. @param pieces of
/// the result; null: it is whole. @return the whole weights in `dtype` on `device`, or none.
Weights subtract_reinforced(const Transformer& target, const Transformer& reinforced, double scale,
                            const c10::Device& device, c10::ScalarType dtype, WeightPieces* pieces);

}  // namespace unpact
