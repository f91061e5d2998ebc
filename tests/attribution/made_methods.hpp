#pragma once
/// Attribution methods as tests make them.
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "support/attribution_settings.hpp"
#include "support/tiny_language_model.hpp"

namespace unpact::testing_support {

// Nats. Both sides add float32 numbers in another order.
inline constexpr double kRounding = 2e-5;

inline std::unique_ptr<AttributionMethod> make(const std::string& name, AttributionSettings settings = {},
                                               std::size_t budget = 4096, std::uint64_t seed = 1) {
  settings.token_budget = static_cast<std::int64_t>(budget);
  return make_attribution_method(name, settings, seed, ByteTokenizer());
}

inline AttributionSettings with_baseline(const std::string& text) {
  AttributionSettings settings;
  settings.baseline = text;
  return settings;
}

inline at::Tensor floats(const std::vector<float>& values) { return at::tensor(values); }

inline double sum_of(const std::vector<float>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace unpact::testing_support
