#pragma once
/// What a row of the table is given to work with.
#include <memory>

#include "unpact/unlearn/method.hpp"

namespace unpact {

/// What a term is made of.
struct TermInputs {
  const MethodOptions& method;
  const UnlearnData& data;
  Frozen frozen;
};

/// The retain term that the method names; null: none. May be collective.
std::unique_ptr<LossTerm> make_retain_term(const TermInputs& inputs);

/// The options of a run, with something more to do before its result is put together.
TrainOptions freeing(const TrainOptions& options, const std::function<void()>& free);

/// What a procedure works with.
struct MethodRun {
  const Transformer& target;
  Transformer& model;  ///< with the target's weights; training takes copies of what it changes
  const TermInputs& inputs;
  const TrainOptions& options;
  Collectives& group;
  const std::function<void(const StepReport&)>& on_step;
};

}  // namespace unpact
