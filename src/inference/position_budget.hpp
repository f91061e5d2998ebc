#pragma once
#include <cstdint>

#include "unpact/model/transformer.hpp"

namespace unpact {

/// Positions whose keys and values fit into the memory that is free: of a GPU, nine tenths of what is free beside the rows and
/// logits of a pass; of the CPU, half of this rank's part of it. At least 1.
std::uint64_t positions_that_fit(const Transformer& model);

/// Blocks of keys and values for a budget of positions; 0: positions_that_fit().
std::int64_t blocks_of_budget(const Transformer& model, std::uint64_t token_budget);

}  // namespace unpact
