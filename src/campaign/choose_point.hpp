#pragma once
/// Which point of an unlearning a cell is about: chosen on one half of the questions, so that the other half can say how good it
/// is.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/evaluation/questions.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// A PointRole a question. Of the forget set, and of those retain questions that no loss sees, every other half (make_halves: by
/// subjects where they are known) chooses; the rest reports. @param held_out of each question, whether no loss sees it.
/// @throws UserError where a set is too small to be cut in two.
std::vector<std::uint8_t> point_roles(const std::vector<AskedQuestion>& questions, const std::vector<std::uint8_t>& held_out,
                                      DatasetKind kind);

/// What a rule looks at, on the questions that choose.
struct PointCounts {
  std::int64_t step = 0;
  std::uint64_t forget_right = 0, retain_right = 0;
};

/// Right answers of the two sets among the questions that choose.
PointCounts count_choosing(const std::vector<std::uint8_t>& is_right, const QuestionRecord& questions,
                           const std::vector<std::uint8_t>& roles);

/// What points are measured against, on the same questions.
struct PointBounds {
  std::uint64_t target_retain_right = 0;
  std::uint64_t floor_forget_right = 0;  ///< of a model that was never taught
};

struct ChosenPoint {
  std::size_t index = 0;
  std::string why;  ///< in words
};

/// The point that a rule takes; where none fulfils it, the last one (last, first_below_floor) or the one that keeps most
/// (best_at_utility), and `why` says so. Among equal ones the first. A point that is chosen of all would also be chosen of those
/// before it and itself: whoever sees them one by one can keep the best so far. @pre points is not empty.
ChosenPoint choose_point(const std::vector<PointCounts>& points, const UnlearnOptions& options, const PointBounds& bounds);

}  // namespace unpact
