#pragma once
/// The parts of a cell file that stand beside its rates, since 1.7: knowledge left, injection, judges, floor and ceiling.
/// cell_layout.hpp says what an archive is.
#include <string>
#include <tuple>
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
