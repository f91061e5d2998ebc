#include "curves.hpp"

#include "knowledge.hpp"

namespace unpact {

void add_curve(const std::string& arm, const ProbeRecord& probe, const std::vector<AskedQuestion>& questions,
               std::vector<CurvePoint>& curves) {
  const auto width = probe.steps.size();
  for (std::size_t a = 0; a < width; ++a) {
    CurvePoint point{probe.name, arm, probe.steps[a]};
    if (a < probe.losses.size()) point.loss = probe.losses[a];
    for (std::size_t p = 0; p < probe.question.size(); ++p) {
      if (!questions[probe.question[p]].in_forget_set || !counts(probe, p * width + a)) continue;
      if (!probe.asked.empty() && probe.asked[p] == static_cast<std::uint8_t>(Asked::no)) continue;
      point.asked += 1;
      point.right += probe.is_right[p * width + a];
    }
    if (point.asked > 0) curves.push_back(point);
  }
}

}  // namespace unpact
