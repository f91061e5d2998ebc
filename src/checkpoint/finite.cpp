#include "finite.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Infinity and NaN are what has all exponent bits set (IEEE 754). The loop has no early end, so that it vectorizes.
template <typename Bits>
bool no_exponent_full(const Bits* values, std::int64_t count, Bits exponent) {
  Bits found = 0;
  for (std::int64_t i = 0; i < count; ++i)
    found = static_cast<Bits>(found | static_cast<Bits>((values[i] & exponent) == exponent));
  return found == 0;
}

}  // namespace

bool all_finite(const at::Tensor& values) {
  UNPACT_EXPECT(values.is_contiguous() && values.is_cpu());
  const void* data = values.const_data_ptr();
  const auto* words = static_cast<const std::uint32_t*>(data);
  const auto* halves = static_cast<const std::uint16_t*>(data);
  const auto count = values.numel();
  switch (values.scalar_type()) {
    case at::kFloat: return no_exponent_full<std::uint32_t>(words, count, 0x7F800000U);
    case at::kHalf: return no_exponent_full<std::uint16_t>(halves, count, 0x7C00U);
    case at::kBFloat16: return no_exponent_full<std::uint16_t>(halves, count, 0x7F80U);
    default: throw ContractViolation("precondition", "a floating-point dtype of weights", __FILE__, __LINE__);
  }
}

}  // namespace unpact
