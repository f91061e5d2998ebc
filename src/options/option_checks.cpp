#include "option_checks.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

double number_of(const Option& option) {
  return std::visit(
      [](const auto& held) -> double {
        if constexpr (std::is_pointer_v<std::decay_t<decltype(held)>>) {
          if constexpr (std::is_arithmetic_v<std::remove_pointer_t<std::decay_t<decltype(held)>>>)
            return static_cast<double>(*held);
        }
        UNPACT_EXPECT(false);  // a check of numbers in a row that has none
        return 0;
      },
      option.value);
}

OptionCheck number_that(std::function<bool(double)> holds, std::string reason, std::string hint) {
  return [holds = std::move(holds), reason = std::move(reason), hint = std::move(hint)](const Option& option) {
    UNPACT_VALIDATE(std::isfinite(number_of(option)) && holds(number_of(option)),
                    concat("option '", option.key, "' is ", value_text(option)), reason, hint);
  };
}

}  // namespace

OptionCheck positive(const std::string& hint) {
  return number_that([](double number) { return number > 0; }, "it must be positive", hint);
}

OptionCheck at_least(double bound, const std::string& meaning, const std::string& hint) {
  return number_that([bound](double number) { return number >= bound; }, meaning, hint);
}

OptionCheck in_range(double low, double high, const std::string& hint) {
  return number_that([low, high](double number) { return number >= low && number <= high; },
                     concat("it must be at least ", low, " and at most ", high), hint);
}

OptionCheck share(const std::string& hint) {
  return number_that([](double number) { return number > 0 && number <= 1; }, "it must lie in (0, 1]", hint);
}

OptionCheck share_inside(const std::string& hint) {
  return number_that([](double number) { return number > 0 && number < 1; }, "it must lie between 0 and 1", hint);
}

OptionCheck share_or_none(const std::string& hint) {
  return number_that([](double number) { return number >= 0 && number < 1; }, "it must lie in [0, 1)", hint);
}

OptionCheck part_of_file_name() {
  return [](const Option& option) {
    UNPACT_VALIDATE(value_text(option).find('/') == std::string::npos,
                    concat("option '", option.key, "' is '", shortened(value_text(option)), "'"),
                    "files are named by it, and a / would name a folder",
                    concat("write ", shortened(replace_all(value_text(option), "/", "-"))));
  };
}

OptionCheck list_of(std::vector<std::string> known) {
  return [known = std::move(known)](const Option& option) {
    const auto hint = concat("use ", join(known, ", "));
    const auto items = split_list(*std::get<std::string*>(option.value));
    UNPACT_VALIDATE(!items.empty(), concat("option '", option.key, "' is empty"), "nothing would be done", hint);
    for (const auto& item : items)
      UNPACT_VALIDATE(std::find(known.begin(), known.end(), item) != known.end(),
                      concat("option '", option.key, "' is '", item, "'"), "it is not one of the known values", hint);
  };
}

}  // namespace unpact
