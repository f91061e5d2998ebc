#pragma once
/// How T5's files spell the weights; private to this layer.
#include <string>

namespace unpact {

/// @param ours as weight_specs() names it. @param gated the kind of MLP: a plain one has a name of its own.
std::string t5_name(const std::string& ours, bool gated);

}  // namespace unpact
