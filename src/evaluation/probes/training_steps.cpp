#include <algorithm>
#include <charconv>

#include "unpact/core/error.hpp"
#include "unpact/evaluation/evaluation_options.hpp"

namespace unpact {

std::vector<std::int64_t> read_steps(const std::string& text, const std::string& key) {
  constexpr std::int64_t kMost = 1'000'000;
  std::vector<std::int64_t> steps;
  for (const auto& item : split_list(text)) {
    std::int64_t step = 0;
    const auto [end, code] = std::from_chars(item.data(), item.data() + item.size(), step);
    UNPACT_VALIDATE(code == std::errc() && end == item.data() + item.size() && step > 0 && step <= kMost,
                    concat("option '", key, "' names '", shortened(item), "'"), "it is no number of steps",
                    "write numbers in ascending order, such as 5, 10, 25");
    UNPACT_VALIDATE(steps.empty() || step > steps.back(), concat("option '", key, "' names ", step, " after ", steps.back()),
                    "the model is asked while it trains on", "write numbers in ascending order, such as 5, 10, 25");
    steps.push_back(step);
  }
  UNPACT_VALIDATE(!steps.empty(), concat("option '", key, "' is empty"), "the model would never be asked",
                  "write numbers of steps, such as 5, 10, 25");
  return steps;
}

}  // namespace unpact
