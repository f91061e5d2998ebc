#include "unpact/train/save_points.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {
namespace {

constexpr const char* kForm = "write steps (20, 40) or epochs (1e, 2.5e), separated by commas";

std::string problem_with(const std::string& entry) {
  return concat("option 'unlearn.save_points' has the entry '", shortened(entry), "'");
}

/// A number of steps, or of epochs.
struct Point {
  double number = 0;
  bool epochs = false;
};

Point read_point(const std::string& entry) {
  Point point;
  point.epochs = entry.ends_with('e');
  const auto digits = entry.substr(0, entry.size() - (point.epochs ? 1 : 0));
  const auto* end = digits.data() + digits.size();
  const auto [stop, code] = std::from_chars(digits.data(), end, point.number, std::chars_format::fixed);
  const bool is_number = !digits.empty() && code == std::errc() && stop == end && std::isfinite(point.number);
  UNPACT_VALIDATE(is_number && point.number > 0 && point.number < 1e12, problem_with(entry),
                  "it is no positive number of steps or epochs", kForm);
  UNPACT_VALIDATE(point.epochs || point.number == std::floor(point.number), problem_with(entry),
                  "there is no part of a step", kForm);
  return point;
}

/// The step with which so many passes over the examples are complete.
std::int64_t step_of_epochs(double epochs, const TrainOptions& options, std::int64_t examples) {
  const auto steps_for = [&](double passes) {
    const double exact = passes * static_cast<double>(examples) / static_cast<double>(options.batch_size);
    return static_cast<std::int64_t>(std::ceil(exact - 1e-9));  // 0.1 * 30 / 3 is one step
  };
  if (options.step_rule == StepRule::continuous) return steps_for(epochs);
  return static_cast<std::int64_t>(std::floor(epochs)) * steps_for(1) + steps_for(epochs - std::floor(epochs));
}

}  // namespace

void check_save_points(const std::string& text) {
  for (const auto& entry : split_list(text)) read_point(entry);
}

std::vector<std::int64_t> steps_of_points(const std::string& text, const TrainOptions& options, std::int64_t examples) {
  const auto last = count_steps(options, examples);
  std::map<std::int64_t, std::string> steps;
  for (const auto& entry : split_list(text)) {
    const auto [number, epochs] = read_point(entry);
    const auto step = epochs ? step_of_epochs(number, options, examples) : static_cast<std::int64_t>(number);
    UNPACT_VALIDATE(step <= last, problem_with(entry),
                    concat(epochs ? concat("that is step ", step, ", and the ") : std::string("the "), "training has ", last,
                           " steps (", examples, " examples, ", options.batch_size, " a step)"),
                    "name points up to the last step, or train longer");
    const auto [first, is_new] = steps.try_emplace(step, entry);
    UNPACT_VALIDATE(is_new, problem_with(entry), concat("it is step ", step, ", as '", first->second, "' is"),
                    "remove one of the two");
  }
  std::vector<std::int64_t> result;
  for (const auto& [step, entry] : steps) result.push_back(step);
  if (!result.empty() && result.back() != last) result.push_back(last);
  return result;
}

}  // namespace unpact
