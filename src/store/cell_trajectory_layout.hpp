#pragma once
/// What a cell file says of the way to its model, since 1.10: points of the unlearning, and mixing with the target.
/// cell_layout.hpp says what an archive is.
#include <string>
#include <utility>
#include <vector>

#include "cell_evidence_layout.hpp"
#include "unpact/results/trajectory.hpp"

namespace unpact {

template <class Archive, class Points>
void visit_points(Archive& archive, const std::string& axis, Points& rows) {
  archive.field({axis, {axis}, "1", "optimizer steps done"}, rows, &TrajectoryPoint::step);
  archive.field({"/trajectory/epoch", {axis}, "1", "passes over the forget set"}, rows, &TrajectoryPoint::epoch);
  const auto count = [&](const char* name, const char* what, std::uint64_t TrajectoryPoint::*member) {
    archive.field({concat("/trajectory/", name), {axis}, "1", what}, rows, member);
  };
  count("forget_right", "forget questions that were right", &TrajectoryPoint::forget_right);
  count("forget_asked", "of so many that were asked", &TrajectoryPoint::forget_asked);
  count("forgotten", "forget questions that the target knows and that were wrong", &TrajectoryPoint::forgotten);
  count("forget_known", "of so many that the target knows", &TrajectoryPoint::forget_known);
  count("retain_trained_right", "retain questions of the trained half that were right",
        &TrajectoryPoint::retain_trained_right);
  count("retain_trained_asked", "of so many that were asked", &TrajectoryPoint::retain_trained_asked);
  count("retain_held_out_right", "held-out retain questions that were right", &TrajectoryPoint::retain_held_out_right);
  count("retain_held_out_asked", "of so many that were asked", &TrajectoryPoint::retain_held_out_asked);
  count("destroyed_held_out", "held-out retain questions that the target knows and that were wrong",
        &TrajectoryPoint::destroyed_held_out);
  count("held_out_known", "of so many that the target knows", &TrajectoryPoint::held_out_known);
  archive.field({"/trajectory/extraction_strength_forget", {axis}, "1", "mean over the forget questions"}, rows,
                &TrajectoryPoint::extraction_strength_forget);
  archive.field({"/trajectory/gold_log_probability_forget", {axis}, "nat/token", "mean over the forget questions"}, rows,
                &TrajectoryPoint::gold_log_probability_forget);
  archive.field({"/trajectory/gold_log_probability_retain", {axis}, "nat/token", "mean over the retain questions"}, rows,
                &TrajectoryPoint::gold_log_probability_retain);
  archive.field({"/trajectory/seconds", {axis}, "s", "wall-clock time that looking took"}, rows, &TrajectoryPoint::seconds);
}

/// Which questions chose the cell's point or mixture.
template <class Archive, class Roles>
void visit_roles(Archive& archive, Roles& roles) {
  archive.question_flags({"/trajectory/role",
                          {kQuestionAxis},
                          "1",
                          "whether the cell's point or mixture was chosen on the question, or is reported on it",
                          "none choose report"},
                         roles);
}

template <class Archive, class Cell>
void visit_trajectory(Archive& archive, Cell& cell) {
  const std::string axis = "/trajectory/step";
  if (!archive.has(axis)) return;
  auto& trajectory = cell.trajectory;
  visit_points(archive, axis, trajectory.points);
  const std::vector<std::size_t> shape = {trajectory.points.size(), cell.questions.split.size()};
  archive.matrix({"/trajectory/is_right", {axis, kQuestionAxis}, "1", "whether the answer was right", "false true"}, shape,
                 trajectory.is_right);
  archive.matrix({"/trajectory/gold_log_probability", {axis, kQuestionAxis}, "nat/token", "mean over the gold answer"},
                 shape, trajectory.gold_log_probability);
  archive.matrix({"/trajectory/extraction_strength", {axis, kQuestionAxis}, "1", "of the gold answer"}, shape,
                 trajectory.extraction_strength);
  visit_roles(archive, trajectory.role);
  archive.describe("/trajectory", "rule", trajectory.rule);
  archive.describe("/trajectory", "why", trajectory.why);
  archive.describe_number("/trajectory", "selected_step", trajectory.selected);
}

template <class Archive, class Cell>
void visit_mix(Archive& archive, Cell& cell) {
  const std::string axis = "/mix/share";
  if (!archive.has(axis)) return;
  auto& rows = cell.mix.points;
  archive.field({axis, {axis}, "1", "share of the target's weights, in the order of the trials"}, rows, &MixPoint::share);
  const auto count = [&](const char* name, const char* what, std::uint64_t MixPoint::*member) {
    archive.field({concat("/mix/", name), {axis}, "1", what}, rows, member);
  };
  count("retain_right", "held-out retain questions that choose and were right", &MixPoint::retain_right);
  count("retain_asked", "of so many that were asked", &MixPoint::retain_asked);
  count("forget_right", "forget questions that choose and were right", &MixPoint::forget_right);
  count("forget_asked", "of so many that were asked", &MixPoint::forget_asked);
  archive.describe_number("/mix", "chosen_share", cell.mix.share);
  archive.describe_number("/mix", "keep", cell.mix.keep);
  archive.describe_number("/mix", "target_right", cell.mix.target_right);
}

}  // namespace unpact
