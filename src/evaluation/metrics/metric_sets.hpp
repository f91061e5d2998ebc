#pragma once
/// The sets that metrics are computed on, and the parts of what is asked for them.
#include <string>
#include <utility>
#include <vector>

#include "unpact/evaluation/measure_metrics.hpp"

namespace unpact {

inline constexpr const char *kGoldPart = "gold", *kTextsPart = "texts", *kAlternativesPart = "alternatives",
                            *kUtilityPart = "utility", *kPassagesPart = "passages", *kPairsPart = "pairs",
                            *kOwnPart = "own_answers";

/// Questions of one set, as many as are asked.
struct MetricSet {
  std::string name;  ///< forget, retain, real_authors, world_facts
  std::vector<const QuestionAnswer*> pairs;
};

/// In this order: forget, retain (those that are asked), real_authors, world_facts.
std::vector<MetricSet> metric_sets(const MetricTask& task);

/// A forget and a retain question that are asked together: the i-th of each set.
std::vector<std::pair<std::size_t, std::size_t>> question_pairs(const MetricTask& task);

/// How many of `count` items are taken: limit, or all where that is 0.
inline std::size_t taken(std::size_t count, std::size_t limit) { return limit == 0 || count < limit ? count : limit; }

}  // namespace unpact
