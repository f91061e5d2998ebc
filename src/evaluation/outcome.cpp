#include "outcome.hpp"

#include <algorithm>
#include <vector>

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

Rate destructive_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> half, Half wanted) {
  UNPACT_EXPECT(outcomes.size() == half.size());
  std::vector<Outcome> chosen;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (half[i] == static_cast<std::uint8_t>(wanted)) chosen.push_back(outcomes[i]);
  return destructive_rate(chosen);
}

Rate recovery_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> recovered,
                   std::span<const std::uint8_t> asked) {
  UNPACT_EXPECT(outcomes.size() == recovered.size() && outcomes.size() == asked.size());
  std::uint64_t back = 0, all = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] != Outcome::forgotten || asked[i] == 0) continue;
    back += recovered[i] != 0;
    ++all;
  }
  return wilson_rate(back, all);
}

Rate asked_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> asked) {
  return recovery_rate(outcomes, asked, std::vector<std::uint8_t>(outcomes.size(), 1));
}

}  // namespace unpact
