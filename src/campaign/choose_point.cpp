#include "choose_point.hpp"

#include <algorithm>
#include <optional>

#include "unpact/core/error.hpp"
#include "unpact/data/halves.hpp"

namespace unpact {
namespace {

constexpr double kReporting = 0.5;

/// Halves of some of the questions.
void cut_in_two(const std::vector<AskedQuestion>& questions, const std::vector<std::size_t>& chosen, const char* set,
                std::size_t run, std::vector<std::uint8_t>& roles) {
  std::vector<QuestionAnswer> pairs;
  for (const auto q : chosen) {
    pairs.push_back(questions[q].pair);
    pairs.back().half = SetHalf::whole;
  }
  const auto how = make_halves(pairs, kReporting, run);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    UNPACT_VALIDATE(
        pairs[i].half != SetHalf::whole,
        concat("the ", set, " set is too small to choose on one half and report on the other"),
        concat(chosen.size(), " of its questions are asked", set == std::string("retain") ? " and held out" : "", ": ", how),
        "give it more questions (dataset.limit, dataset.held_out), or choose nothing: unlearn.select = last, "
        "unlearn.mix = none");
    roles[chosen[i]] = static_cast<std::uint8_t>(pairs[i].half == SetHalf::held_out ? PointRole::report : PointRole::choose);
  }
}

bool is_asked(const std::vector<std::uint8_t>& roles, std::size_t q) {
  return roles[q] == static_cast<std::uint8_t>(PointRole::choose);
}

ChosenPoint best_at_utility(const std::vector<PointCounts>& points, double keep, const PointBounds& bounds) {
  const double enough = keep * static_cast<double>(bounds.target_retain_right);
  std::optional<std::size_t> best;
  std::size_t most = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points[i].retain_right > points[most].retain_right) most = i;
    if (static_cast<double>(points[i].retain_right) < enough) continue;
    if (!best || points[i].forget_right < points[*best].forget_right) best = i;
  }
  if (best)
    return {*best, concat("fewest forget answers (", points[*best].forget_right, ") of the points that keep at least ",
                          enough, " of the target's ", bounds.target_retain_right, " retain answers")};
  return {most, concat("no point keeps ", enough, " of the target's ", bounds.target_retain_right,
                       " retain answers: this one keeps most, ", points[most].retain_right)};
}

ChosenPoint first_below_floor(const std::vector<PointCounts>& points, const PointBounds& bounds) {
  for (std::size_t i = 0; i < points.size(); ++i)
    if (points[i].forget_right <= bounds.floor_forget_right)
      return {i, concat("the first with no more forget answers (", points[i].forget_right, ") than the floor model (",
                        bounds.floor_forget_right, ")")};
  return {points.size() - 1, concat("no point has as few forget answers as the floor model (", bounds.floor_forget_right,
                                    "): the last one, with ", points.back().forget_right)};
}

}  // namespace

std::vector<std::uint8_t> point_roles(const std::vector<AskedQuestion>& questions, const std::vector<std::uint8_t>& held_out,
                                      DatasetKind kind) {
  const auto run = kind == DatasetKind::tofu ? kQuestionsOfTofuAuthor : 0;
  std::vector<std::size_t> forget, retain;
  for (std::size_t q = 0; q < questions.size(); ++q)
    if (questions[q].in_forget_set) forget.push_back(q);
    else if (held_out[q] != 0) retain.push_back(q);
  std::vector<std::uint8_t> roles(questions.size(), static_cast<std::uint8_t>(PointRole::none));
  UNPACT_VALIDATE(!retain.empty(), "no retain question is held out, so that nothing says what an unlearning destroys",
                  "dataset.held_out is 0, or the set has one question",
                  "set dataset.held_out = 0.5, or choose nothing: unlearn.select = last, unlearn.mix = none");
  cut_in_two(questions, forget, "forget", run, roles);
  cut_in_two(questions, retain, "retain", run, roles);
  return roles;
}

PointCounts count_choosing(const std::vector<std::uint8_t>& is_right, const QuestionRecord& questions,
                           const std::vector<std::uint8_t>& roles) {
  PointCounts counts;
  for (std::size_t q = 0; q < roles.size(); ++q) {
    if (!is_asked(roles, q) || is_right[q] == 0) continue;
    const bool forget = questions.split[q] == static_cast<std::uint8_t>(Split::forget);
    ++(forget ? counts.forget_right : counts.retain_right);
  }
  return counts;
}

ChosenPoint choose_point(const std::vector<PointCounts>& points, const UnlearnOptions& options, const PointBounds& bounds) {
  UNPACT_EXPECT(!points.empty());
  switch (options.select) {
    case PointRule::last: break;
    case PointRule::best_at_utility: return best_at_utility(points, options.select_keep, bounds);
    case PointRule::first_below_floor: return first_below_floor(points, bounds);
  }
  return {points.size() - 1, "the end of the training"};
}

}  // namespace unpact
