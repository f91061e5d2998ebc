#include "verdict.hpp"

#include <algorithm>

namespace unpact {
namespace {

bool is_sure(const Rate& rate, double limit) { return rate.low >= limit || rate.high < limit; }

std::string with_doubt(const std::string& word, bool sure) { return sure ? word : word + " (uncertain)"; }

}  // namespace

std::string verdict_on(const Rate& left, const Rate& wrecked) {
  const bool is_wrecked = wrecked.value >= kMuchWrecked;
  if (left.total == 0 && wrecked.total == 0) return "nothing to judge";
  if (left.total == 0 && !is_wrecked) return "nothing to forget";
  if (left.total == 0) return with_doubt("nothing to forget, destructive", is_sure(wrecked, kMuchWrecked));
  if (wrecked.total == 0) return "nothing known on the retain set";
  const bool is_left = left.value >= kMuchLeft;
  const char* word = is_left ? (is_wrecked ? "both" : "insufficient") : is_wrecked ? "destructive" : "neither";
  return with_doubt(word, is_sure(left, kMuchLeft) && is_sure(wrecked, kMuchWrecked));
}

std::string what_leaves_much(const Rate& left, const Rate& still_right, const std::vector<WonBack>& won) {
  const auto is_much = [&](std::uint64_t count) {
    return left.total > 0 && static_cast<double>(count) / static_cast<double>(left.total) >= kMuchLeft;
  };
  if (!is_much(left.count)) return "";
  if (is_much(still_right.count)) return "what is still right";
  const auto most = std::ranges::max_element(won, {}, &WonBack::count);
  return most != won.end() && is_much(still_right.count + most->count) ? most->label : "several probes together";
}

}  // namespace unpact
