#include "outcome.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::uint64_t count_of(std::span<const Outcome> outcomes, Outcome wanted) {
  return static_cast<std::uint64_t>(std::ranges::count(outcomes, wanted));
}

}  // namespace

Outcome classify(bool is_forget_question, bool target_right, bool unlearned_right) {
  if (!target_right) return Outcome::unknown;
  if (is_forget_question) return unlearned_right ? Outcome::retained : Outcome::forgotten;
  return unlearned_right ? Outcome::kept : Outcome::destroyed;
}

Rate destructive_rate(std::span<const Outcome> outcomes) {
  const auto destroyed = count_of(outcomes, Outcome::destroyed);
  return wilson_rate(destroyed, destroyed + count_of(outcomes, Outcome::kept));
}

Rate recovery_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> recovered) {
  UNPACT_EXPECT(outcomes.size() == recovered.size());
  std::uint64_t back = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) back += outcomes[i] == Outcome::forgotten && recovered[i] != 0;
  return wilson_rate(back, count_of(outcomes, Outcome::forgotten));
}

}  // namespace unpact
