#pragma once
/// Settings for tests that go through all attribution methods.
#include <algorithm>
#include <string>
#include <vector>

#include "unpact/attribution/method.hpp"

namespace unpact::testing_support {

/// The methods that a task of ids alone is enough for.
inline std::vector<std::string> methods_of_ids() {
  auto names = attribution_methods();
  std::erase_if(names, [](const std::string& name) { return !facts_of(name).removes.empty(); });
  return names;
}

/// Little work, and the baseline `id`, as far as the method heeds it.
inline AttributionSettings small_settings(const std::string& method, const std::string& id = "5") {
  const auto heeds = [names = facts_of(method).settings](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  AttributionSettings settings;
  if (heeds("baseline")) settings.baseline = id;
  if (heeds("permutations")) settings.permutations = 4;
  if (heeds("steps")) settings.steps = 8;
  return settings;
}

}  // namespace unpact::testing_support
