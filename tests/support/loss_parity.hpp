#pragma once
/// For tests: the models, examples and settings of the loss fixtures (tests/parity/make_fixtures.py, B and G).
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/training_examples.hpp"
#include "unpact/core/json.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact::testing_support {

// float32 on both sides, sums in another order. Measured: values to 3e-7 of their size, gradients to 1e-6 of the
// largest one. A wrong normalizer, sign or mask is off by far more than 1e-3.
constexpr double kLossTolerance = 1e-5, kGradientTolerance = 1e-4;

class LossParity : public testing::Test {
 protected:
  void SetUp() override {
    UNPACT_NEED_PARITY("methods.safetensors");
    losses_ = std::make_unique<Expected>("losses.safetensors");
    methods_ = std::make_unique<Expected>("methods.safetensors");
    settings_ = read_json_file(parity("losses.json"));
    more_ = read_json_file(parity("methods.json"));
    forget_ = read_examples(*losses_, "forget");
    retain_ = read_examples(*losses_, "retain");
    alternate_ = read_examples(*methods_, "alternate");
    theta_ = std::make_unique<Transformer>(load_transformer(parity("losses_theta")));
    reference_ = std::make_unique<Transformer>(load_transformer(parity("losses_ref")));
  }
  /// Value and every gradient of one term over all its examples.
  void expect_loss(const LossTerm& term, const std::string& loss) { expect_loss({{&term, 1.0}}, loss); }
  void expect_loss(const std::vector<std::pair<const LossTerm*, double>>& terms, const std::string& loss) {
    const bool is_older = read_json_file(parity("losses.json"))["losses"].contains(loss);
    expect_parity(differentiate(*theta_, terms), is_older ? *losses_ : *methods_, loss, kLossTolerance, kGradientTolerance);
  }
  double beta() const { return settings_["beta"]; }
  std::int64_t layer() const { return settings_["layer"]; }
  at::Tensor steering() const { return (*losses_)["rmu.u"] * settings_["c"].get<double>(); }
  TokenWeights given_weights() const {
    const auto weight_BT = (*losses_)["forget.weight"];
    TokenWeights weights;
    for (std::size_t b = 0; b < forget_->size(); ++b) {
      const auto* row = weight_BT.const_data_ptr<float>() + static_cast<std::int64_t>(b) * weight_BT.size(1);
      weights.emplace_back(row, row + (*forget_)[b].ids.size());
    }
    return weights;
  }
  TokenWeighting satimp() const { return TokenWeighting::satimp(more_["satimp"][0], more_["satimp"][1]); }
  TokenWeighting wga() const { return TokenWeighting::wga(more_["wga"]); }

  std::unique_ptr<Expected> losses_, methods_;
  Json settings_, more_;
  SharedExamples forget_, retain_, alternate_;
  std::unique_ptr<Transformer> theta_, reference_;
};

}  // namespace unpact::testing_support
