#pragma once
/// A tiny target, little data, and methods that unlearn it.
#include <gtest/gtest.h>

#include "core/temporary_folder.hpp"
#include "support/training_examples.hpp"
#include "support/unlearning_methods.hpp"

namespace unpact::testing_support {

inline TrainOptions five_steps() {
  TrainOptions options;
  options.max_steps = 5;
  options.batch_size = 4;
  options.micro_batch = 2;
  options.learning_rate = 1e-3;
  return options;
}

class Unlearning : public testing::Test {
 protected:
  UnlearnResult run(const MethodOptions& method, const TrainOptions& options = five_steps()) {
    return unlearn(target_, method, options, some_data(), *single_);
  }
  Transformer with(const UnlearnResult& result) const { return Transformer(target_.config(), result.weights); }
  std::string refusal_of(const MethodOptions& method) {
    return message_of<UserError>([&] { run(method); });
  }

  Communicator world_ = Communicator::world(), null_;
  std::unique_ptr<Collectives> group_ = make_collectives(world_, at::kCPU), single_ = make_collectives(null_, at::kCPU);
  Transformer target_ = tiny_transformer(1);
};

}  // namespace unpact::testing_support
