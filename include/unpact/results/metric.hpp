#pragma once
/// The field's metrics of a cell: one number a metric and set, for both models.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/results/ragged.hpp"

namespace unpact {

/// What a larger value of a metric says about a model.
enum class MetricSays : std::uint8_t {
  remembered,      ///< more of what should be forgotten is there
  forgotten,       ///< less of it is
  useful,          ///< more of what should stay is there
  damaged,         ///< less of it is
  like_retrained,  ///< it is closer to a model that was never taught
};
UNPACT_ENUMERATION(MetricSays, "remembered", "forgotten", "useful", "damaged", "like_retrained");

/// One metric on one set. NaN where a model has no value, and where an interval is not known.
struct MetricRecord {
  std::string name;  ///< metric_set, e.g. "extraction_strength_forget"; unique in a file
  std::string label;
  std::string larger_says;  ///< a name of MetricSays
  std::uint64_t count = 0;  ///< of what the value is made of: questions, texts, passages
  double target = kNone, target_low = kNone, target_high = kNone;
  double unlearned = kNone, unlearned_low = kNone, unlearned_high = kNone;
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
};

/// Rows, and what their values are means of: an empty list where that is not kept.
struct MetricsRecord {
  std::vector<MetricRecord> rows;
  Ragged<double> target_items, unlearned_items;  ///< a list a row
};

}  // namespace unpact
