#include "unpact/attribution/key_tokens.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
}

void check_key_token_options(const KeyTokenOptions& options) {
  UNPACT_VALIDATE(options.alpha >= 0 && options.alpha <= 1, concat("option 'attribution.alpha' is ", options.alpha),
                  "it is a share of the largest contribution and must lie in 0..1", "use 0.22");
  UNPACT_VALIDATE(std::isfinite(options.beta), "option 'attribution.beta' is not finite", "it is a number of nats",
                  "use 0.24");
}

std::vector<std::uint8_t> find_key_tokens(std::span<const float> contributions, const KeyTokenOptions& options) {
  std::vector<std::uint8_t> keys(contributions.size(), 0);
  if (contributions.empty()) return keys;
  const double largest = *std::max_element(contributions.begin(), contributions.end());
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i] = contributions[i] >= options.alpha * largest && contributions[i] >= options.beta;
  return keys;
}

std::vector<std::uint8_t> find_uncertain_key_tokens(std::span<const float> contributions,
                                                    std::span<const float> standard_errors, const KeyTokenOptions& options,
                                                    double noise_floor) {
  UNPACT_EXPECT(standard_errors.empty() || standard_errors.size() == contributions.size());
  std::vector<std::uint8_t> uncertain(contributions.size(), 0);
  if (contributions.empty()) return uncertain;
  const auto noise = [&](std::size_t i) {
    return 2 * noise_floor + (standard_errors.empty() ? 0.0 : 1.96 * standard_errors[i]);
  };
  const auto largest =
      static_cast<std::size_t>(std::max_element(contributions.begin(), contributions.end()) - contributions.begin());
  const double relative = options.alpha * contributions[largest];
  const bool is_relative = relative > options.beta;
  for (std::size_t i = 0; i < uncertain.size(); ++i) {
    const double margin = std::abs(contributions[i] - (is_relative ? relative : options.beta));
    const double bound = noise(i) + (is_relative ? options.alpha * noise(largest) : 0.0);
    uncertain[i] = !(margin >= bound);
  }
  return uncertain;
}

double key_token_cosine(std::span<const std::uint8_t> target, std::span<const std::uint8_t> unlearned) {
  UNPACT_EXPECT(target.size() == unlearned.size());
  double both = 0, in_target = 0, in_unlearned = 0;
  for (std::size_t i = 0; i < target.size(); ++i) {
    both += target[i] && unlearned[i];
    in_target += target[i] != 0;
    in_unlearned += unlearned[i] != 0;
  }
  if (in_target == 0 && in_unlearned == 0) return kMissing;
  if (in_target == 0 || in_unlearned == 0) return 0.0;
  return both / std::sqrt(in_target * in_unlearned);
}

double contribution_cosine(std::span<const float> target, std::span<const std::uint8_t> target_keys,
                           std::span<const float> unlearned, std::span<const std::uint8_t> unlearned_keys) {
  UNPACT_EXPECT(target.size() == unlearned.size() && target.size() == target_keys.size() &&
                target.size() == unlearned_keys.size());
  double product = 0, target_square = 0, unlearned_square = 0;
  bool any = false;
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (!target_keys[i] && !unlearned_keys[i]) continue;
    any = true;
    product += static_cast<double>(target[i]) * unlearned[i];
    target_square += static_cast<double>(target[i]) * target[i];
    unlearned_square += static_cast<double>(unlearned[i]) * unlearned[i];
  }
  if (!any) return kMissing;
  if (target_square == 0 || unlearned_square == 0) return 0.0;
  return product / std::sqrt(target_square * unlearned_square);
}

}  // namespace unpact
