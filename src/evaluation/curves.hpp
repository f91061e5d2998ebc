#pragma once
/// Curves of probes that train, from their attempts.
#include <string>
#include <vector>

#include "unpact/evaluation/questions.hpp"
#include "unpact/results/curve.hpp"
#include "unpact/results/probe.hpp"

namespace unpact {

/// A point a step: the forget questions that the probe asked, and those that were right then. Nothing for a probe without
/// steps, and where none was asked. @param probe judged.
void add_curve(const std::string& arm, const ProbeRecord& probe, const std::vector<AskedQuestion>& questions,
               std::vector<CurvePoint>& curves);

}  // namespace unpact
