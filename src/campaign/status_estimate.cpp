/// What is left of a campaign: from the finished cells where there are any, else from the plan.
#include <algorithm>
#include <functional>

#include "planned_sums.hpp"
#include "unpact/campaign/campaign_status.hpp"

namespace unpact {
namespace {

class Estimate {
 public:
  Estimate(const std::vector<WorkItem>& items, const PlannedCosts& costs) : costs_(costs) {
    for (const auto& item : items)
      if (item.kind == WorkKind::cell && item.state == WorkState::finished && item.measured > 0) done_.push_back(&item);
  }

  /// Rank-seconds of a cell, from what is nearest to it; 0: nothing is known.
  double expected(const WorkItem& cell) const {
    const auto same_pair = [&](const WorkItem& o) { return o.model == cell.model && o.dataset == cell.dataset; };
    const auto same_method = [&](const WorkItem& o) { return o.method == cell.method; };
    if (const double one = mean([&](const auto& o) { return same_pair(o) && same_method(o); }); one > 0) return one;
    const double operations = operations_of(stages_of(costs_, cell.id));
    for (const auto& like : {Like(same_pair), Like([](const WorkItem&) { return true; })})
      if (const double rate = seconds_an_operation(like); rate > 0 && operations > 0) return rate * operations;
    if (cell.planned > 0) return cell.planned;
    if (const double one = mean(same_method); one > 0) return one;
    return mean([](const auto&) { return true; });
  }

 private:
  using Like = std::function<bool(const WorkItem&)>;

  double mean(const Like& like) const {
    double sum = 0, count = 0;
    for (const auto* item : done_)
      if (like(*item)) sum += item->measured, ++count;
    return count > 0 ? sum / count : 0;
  }

  double seconds_an_operation(const Like& like) const {
    double seconds = 0, operations = 0;
    for (const auto* item : done_) {
      const double own = operations_of(stages_of(costs_, item->id));
      if (own <= 0 || !like(*item)) continue;
      seconds += item->measured;
      operations += own;
    }
    return operations > 0 ? seconds / operations : 0;
  }

  const PlannedCosts& costs_;
  std::vector<const WorkItem*> done_;
};

/// By the clock: what the whole is expected to take, and at least the stage that is counted just now.
double seconds_left(const WorkItem& item) {
  if (item.state != WorkState::running || !item.claim || !item.claim->holder) return -1;
  const auto& doing = item.claim->holder->doing;
  double left = -1;
  if (item.expected > 0) left = std::max(0.0, item.expected / static_cast<double>(item.ranks()) - item.held_seconds());
  if (doing.step_seconds > 0 && doing.steps >= doing.step)
    left = std::max(left, std::max(0.0, doing.step_seconds * static_cast<double>(doing.steps - doing.step) -
                                            std::max(0.0, item.claim->silent_seconds)));
  return left;
}

void add_to(WorkSums& sums, const WorkItem& item) {
  sums.measured += item.measured;
  if (item.state == WorkState::finished) sums.planned_of_those += item.planned;
  if (item.state == WorkState::running) {
    sums.held += item.held_seconds() * static_cast<double>(item.ranks());
    sums.ranks += item.ranks();
  }
  if (item.kind != WorkKind::cell || item.state == WorkState::finished || item.state == WorkState::failed) return;
  if (item.seconds_left >= 0) sums.left += item.seconds_left * static_cast<double>(item.ranks());
  else if (item.expected > 0) sums.left += item.expected;
  else ++sums.unknown;
}

}  // namespace

void estimate_work(const PlannedCosts& costs, CampaignStatus& status) {
  const Estimate estimate(status.items, costs);
  auto& sums = status.sums = {};
  double longest = -1;
  for (auto& item : status.items) {
    if (item.kind == WorkKind::cell && item.state != WorkState::finished && item.state != WorkState::failed)
      item.expected = estimate.expected(item);
    item.seconds_left = seconds_left(item);
    longest = std::max(longest, item.seconds_left);
    add_to(sums, item);
  }
  for (const auto& [id, stages] : costs)
    for (const auto& stage : stages) sums.planned += stage.seconds;
  if (sums.ranks > 0 && sums.unknown == 0 && !status.is_settled())
    sums.seconds_left = std::max(longest, sums.left / static_cast<double>(sums.ranks));
}

}  // namespace unpact
