#pragma once
/// How each forget kind becomes a loss term.
#include <memory>

#include "unpact/unlearn/method.hpp"

namespace unpact {

/// What a term is made of.
struct TermInputs {
  const MethodOptions& method;
  const UnlearnData& data;
  Frozen frozen;
};

/// The forget term of a method that composes one. May be collective.
std::unique_ptr<LossTerm> make_forget_term(const TermInputs& inputs);

/// gd or kl; null for none.
std::unique_ptr<LossTerm> make_retain_term(const TermInputs& inputs);

}  // namespace unpact
