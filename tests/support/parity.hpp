#pragma once
/// For tests: expected values from transformers and PyTorch (tests/parity/make_fixtures.py says what each file holds),
/// and models to compare with them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/safetensors.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact::testing_support {

/// A file or folder of the parity fixtures; an empty path when there are none.
inline std::filesystem::path parity(const std::string& name) {
  if (std::string(UNPACT_FIXTURES).empty()) return {};
  const auto path = std::filesystem::path(UNPACT_FIXTURES) / "parity" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

/// A file or folder of the large test data; an empty path when there is none.
inline std::filesystem::path test_data(const std::string& name) {
  if (std::string(UNPACT_TEST_DATA).empty()) return {};
  const auto path = std::filesystem::path(UNPACT_TEST_DATA) / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

#define UNPACT_NEED_PARITY(name)                       \
  if (::unpact::testing_support::parity(name).empty()) \
  GTEST_SKIP() << "no fixture " << (name) << ": run tests/parity/make_fixtures.py and set UNPACT_FIXTURES"

#define UNPACT_NEED_DATA(name) \
  if (::unpact::testing_support::test_data(name).empty()) GTEST_SKIP() << "UNPACT_TEST_DATA has no " << (name)

/// The tensors of one fixture file.
class Expected {
 public:
  explicit Expected(const std::string& name) : file_(parity(name)) {}
  at::Tensor operator[](const std::string& tensor) const { return file_.tensor(tensor).clone(); }
  std::vector<std::int64_t> integers(const std::string& tensor) const {
    const auto values = (*this)[tensor];
    return {values.const_data_ptr<std::int64_t>(), values.const_data_ptr<std::int64_t>() + values.numel()};
  }
  double scalar(const std::string& tensor) const { return (*this)[tensor].item<double>(); }

 private:
  SafetensorsFile file_;
};

inline Transformer load_transformer(const std::filesystem::path& folder) {
  const auto config = read_model_config(folder);
  return Transformer(config, load_weights(config, folder, at::kCPU));
}

/// max |a - b|; NaN where either holds one.
inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return a.numel() == 0 ? 0.0 : (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// Checks max |actual - expected| and notes it in the test report under `what`.
inline void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
  const double difference = largest_difference(actual, expected);
  testing::Test::RecordProperty(what, concat(difference));
  EXPECT_LE(difference, tolerance) << what;
}

}  // namespace unpact::testing_support
