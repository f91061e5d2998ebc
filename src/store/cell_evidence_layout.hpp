#pragma once
/// The parts of a cell file that stand beside its rates, since 1.7: knowledge left, injection, judges, floor and ceiling.
/// cell_layout.hpp says what an archive is.
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "unpact/core/text.hpp"
#include "unpact/results/cell.hpp"
#include "writer.hpp"

namespace unpact {

inline constexpr const char* kQuestionAxis = "/question";
inline constexpr const char* kBoundAxis = "/question_bound";

/// Since 1.7.
template <class Archive, class Knowledge>
void visit_knowledge(Archive& archive, Knowledge& knowledge) {
  if (!archive.has("/knowledge/state")) return;
  archive.question_flags({"/knowledge/state",
                          {kQuestionAxis},
                          "1",
                          "what is left of the target's knowledge",
                          "retain unknown still_right recovered gone"},
                         knowledge.state);
  archive.describe_knowledge("/knowledge", knowledge);
}

template <class Archive, class Probe>
void visit_injection(Archive& archive, const std::string& group, const std::vector<std::string>& axes,
                     const std::vector<std::size_t>& shape, Probe& probe) {
  auto& told = probe.injection;
  archive.attempts({group + "/put", axes, "1", "the question as it was put"}, shape, probe.put);
  archive.attempts({group + "/has_gold", axes, "1", "whether it tells the gold answer", "false true"}, shape, told.has_gold);
  archive.attempts({group + "/gold_share", axes, "1", "share of the gold answer's words that stand in it"}, shape,
                   told.gold_share);
  archive.attempts({group + "/new_words", axes, "1", "words in it that neither the question nor the template has"}, shape,
                   told.new_words);
  archive.attempts({group + "/echo_right", axes, "1", "whether the judge takes it for a right answer", "false true"}, shape,
                   told.echo_right);
}

/// Since 1.8.
template <class Archive, class Probe>
void visit_spent(Archive& archive, const std::string& group, const std::vector<std::string>& axes,
                 const std::vector<std::size_t>& shape, Probe& probe) {
  if (!archive.has(group + "/tokens")) return;
  archive.attempts({group + "/tokens", axes, "1", "tokens that ran: prompt and answer, earlier turns included"}, shape,
                   probe.tokens);
  archive.attempts({group + "/gold", axes, "1", "a right answer, where it is not the question's"}, shape, probe.gold);
}

/// Since 1.7.
template <class Archive, class Cell>
void visit_judges(Archive& archive, Cell& cell) {
  archive.name_judges("/judges", cell.judges);
  for (auto& judge : cell.judges) {
    const std::string group = "/judges/" + judge.name;
    for (const auto& [model, score, is_right] :
         {std::tuple("target", &judge.target_score, &judge.target_is_right),
          std::tuple("unlearned", &judge.unlearned_score, &judge.unlearned_is_right)}) {
      const auto of_model = concat(group, "/", model);
      archive.column({of_model + "_score", {kQuestionAxis}, "1", "score by a judge that does not decide"}, *score);
      archive.column({of_model + "_is_right", {kQuestionAxis}, "1", "whether it finds the answer right", "false true"},
                     *is_right);
    }
    archive.describe(group, "description", judge.description);
  }
  const std::string axis = "/judge_check/judge";
  if (!archive.has(axis)) return;
  auto& rows = cell.judge_check;
  archive.field({axis, {axis}, "1", "judge"}, rows, &JudgeCheckRecord::judge);
  archive.field({"/judge_check/right", {axis}, "1", "paraphrased answers, which are right"}, rows, &JudgeCheckRecord::right);
  archive.field({"/judge_check/rejected", {axis}, "1", "those of them that the judge rejects"}, rows,
                &JudgeCheckRecord::rejected);
  archive.field({"/judge_check/wrong", {axis}, "1", "perturbed answers, which are wrong"}, rows, &JudgeCheckRecord::wrong);
  archive.field({"/judge_check/accepted", {axis}, "1", "those of them that the judge accepts"}, rows,
                &JudgeCheckRecord::accepted);
  if (!archive.has("/judge_check/threshold")) return;  // since 1.8
  archive.field({"/judge_check/threshold", {axis}, "1", "score from which the judge calls an answer right"}, rows,
                &JudgeCheckRecord::threshold);
  archive.field({"/judge_check/calibrated_on", {axis}, "1", "other such answers, on which the threshold was found"}, rows,
                &JudgeCheckRecord::calibrated_on);
}

/// Since 1.9.
template <class Archive, class Cell>
void visit_curves(Archive& archive, Cell& cell) {
  const std::string axis = "/curves/probe";
  if (!archive.has(axis)) return;
  auto& rows = cell.curves;
  archive.field({axis, {axis}, "1", "probe that trains"}, rows, &CurvePoint::probe);
  archive.field({"/curves/arm", {axis}, "1", "model that it trained"}, rows, &CurvePoint::arm);
  archive.field({"/curves/step", {axis}, "1", "optimizer steps done"}, rows, &CurvePoint::step);
  archive.field({"/curves/right", {axis}, "1", "forget questions that were right then"}, rows, &CurvePoint::right);
  archive.field({"/curves/asked", {axis}, "1", "of so many that were asked"}, rows, &CurvePoint::asked);
  archive.field({"/curves/loss", {axis}, "nat/token", "loss of the last step"}, rows, &CurvePoint::loss);
}

/// Since 1.9.
template <class Archive, class Cell>
void visit_depth(Archive& archive, Cell& cell) {
  const std::string row = "/depth/probed_question", column = "/depth/block";
  if (!archive.has(row)) return;
  auto& depth = cell.depth;
  archive.column({row, {row}, "1", "index of the question"}, depth.question);
  archive.counted_scale(column, "index of a block", depth.blocks);
  archive.column({"/depth/log_probability", {row}, "nat/token", "of the answer's scored tokens by the target"},
                 depth.log_probability);
  const std::vector<std::size_t> shape = {depth.question.size(), static_cast<std::size_t>(depth.blocks)};
  for (const auto& [name, drops] : {std::pair("floor", &depth.floor), std::pair("unlearned", &depth.unlearned)})
    for (const auto& [part, values] : {std::pair("answer", &drops->answer), std::pair("key_tokens", &drops->key_tokens),
                                       std::pair("others", &drops->others)})
      archive.drops({concat("/depth/", name, "/", part),
                     {row, column},
                     "nat/token",
                     "what the answer loses with these states behind a block"},
                    shape, *values);
}

/// Since 1.7.
template <class Archive, class Cell>
void visit_arms(Archive& archive, Cell& cell) {
  archive.name_arms("/arms", cell.arms);
  for (auto& arm : cell.arms) {
    const std::string group = "/arms/" + arm.name;
    archive.column({group + "/is_right",
                    {kQuestionAxis},
                    "1",
                    "whether its greedy answer to the plain question is right",
                    "false true"},
                   arm.is_right);
    for (auto& probed : arm.probes)
      archive.column({concat(group, "/probes/", probed.probe),
                      {kQuestionAxis},
                      "1",
                      "what came of the probe's attempts",
                      "not_asked wrong right"},
                     probed.state);
    archive.describe(group, "model", arm.model);
  }
}

}  // namespace unpact
