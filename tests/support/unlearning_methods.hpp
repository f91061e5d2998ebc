#pragma once
/// For tests: every unlearning method with options that suit tiny_transformer.
#include <string>
#include <utility>
#include <vector>

#include "support/named.hpp"
#include "support/training_examples.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact::testing_support {

inline MethodOptions method_of(const std::string& forget, const std::string& retain = "none") {
  MethodOptions method;
  method.name = method.forget = forget;
  method.retain = named<RetainKind>(retain);
  method.layer = 1;
  method.trained_layers = "0,1";
  method.steering = 3.0;
  if (forget == "dpo") method.alternates = "given below";
  if (forget == "pdu") method.retain_limit = 3.0, method.dual_warmup = 0;
  return method;
}

/// What every one of them can learn from.
inline UnlearnData some_data() {
  UnlearnData data{random_examples(7, 1), random_examples(9, 2), random_examples(7, 3)};
  data.refusal = {5, 3};
  return data;
}

/// Forget and retain term of every method that trains.
inline const std::vector<std::pair<const char*, const char*>>& trained_methods() {
  static const std::vector<std::pair<const char*, const char*>> methods = {
      {"ga", "none"},    {"ga", "gd"},       {"ga", "kl"},    {"npo", "none"},  {"npo", "gd"},
      {"npo", "kl"},     {"rmu", "none"},    {"tv", "none"},  {"simnpo", "gd"}, {"dpo", "gd"},
      {"jensun", "jsd"}, {"undial", "none"}, {"ceu", "none"}, {"pdu", "gd"}};
  return methods;
}

}  // namespace unpact::testing_support
