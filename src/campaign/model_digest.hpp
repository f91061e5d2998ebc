#pragma once
#include <string>

#include "unpact/comm/communicator.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

/// SHA-256 over names, types, shapes and bytes of all weights as they lie in memory and over the config, of both models
/// where two answer together. Collective over `group`, whose ranks all hold the whole model and share the work; the same for
/// every number of ranks.
std::string digest_of(const Communicator& group, const Transformer& model);

}  // namespace unpact
