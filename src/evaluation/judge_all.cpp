#include "judge_all.hpp"

#include <algorithm>

namespace unpact {
namespace {

std::vector<std::uint8_t> verdicts_of(const Judge& judge, const std::vector<double>& scores) {
  std::vector<std::uint8_t> verdicts;
  for (const auto score : scores) verdicts.push_back(judge.passes(score));
  return verdicts;
}

AnswersToJudge attempts_to_judge(const Communicator& group, const LanguageModel& model,
                                 const std::vector<AskedQuestion>& questions, const ProbeRecord& probe) {
  AnswersToJudge all{group, model, {}, probe.answer, {}, probe.prompt};
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < probe.answer.size(); ++i) {
    const auto* asked = &questions[probe.question[i / attempts]];
    if (!probe.gold.empty() && !probe.gold[i].empty()) {
      auto changed = std::make_shared<AskedQuestion>(*asked);
      changed->pair = with_gold(std::move(changed->pair), probe.gold[i]);
      asked = changed.get();
      all.changed.push_back(std::move(changed));
    }
    all.questions.push_back(asked);
  }
  return all;
}

JudgeRecord& record_of(CellRecord& cell, const JudgeRow& row, const Judge& judge) {
  const auto found = std::ranges::find(cell.judges, row.name, &JudgeRecord::name);
  if (found != cell.judges.end()) return *found;
  auto& record = cell.judges.emplace_back();
  record.name = row.name;
  record.description = judge.describe();
  return record;
}

}  // namespace

JudgePanel::JudgePanel(const JudgeOptions& options) {
  for (const auto* row : judge_rows(options)) judges_.push_back({row, make_judge(*row, options)});
}

void JudgePanel::judge_model(const AnswersToJudge& answers, bool is_target, ModelRecord& model, CellRecord& cell) const {
  for (const auto& [row, judge] : judges_) {
    auto scores = judge->scores(answers);
    auto verdicts = verdicts_of(*judge, scores);
    if (judge.get() == &deciding()) {
      model.score = std::move(scores);
      model.is_right = std::move(verdicts);
      continue;
    }
    auto& record = record_of(cell, *row, *judge);
    (is_target ? record.target_score : record.unlearned_score) = std::move(scores);
    (is_target ? record.target_is_right : record.unlearned_is_right) = std::move(verdicts);
  }
}

void JudgePanel::judge_probe(const Communicator& group, const LanguageModel& model,
                             const std::vector<AskedQuestion>& questions, ProbeRecord& probe) const {
  for (const auto& [row, judge] : judges_) {
    auto scores = judge->scores(attempts_to_judge(group, model, questions, probe));
    auto verdicts = verdicts_of(*judge, scores);
    if (judge.get() == &deciding()) {
      probe.score = std::move(scores);
      probe.is_right = std::move(verdicts);
    } else {
      probe.judged.push_back({row->name, std::move(scores), std::move(verdicts)});
    }
  }
}

std::vector<JudgeCheckRecord> JudgePanel::check(const std::vector<AskedQuestion>& questions) const {
  std::vector<JudgeCheckRecord> found;
  for (const auto& seat : judges_) {
    if (!seat.row->reads_answers || seat.row->wants_letters) continue;
    JudgeCheckRecord record{seat.row->name, 0, 0, 0, 0};
    for (const auto& asked : questions) {
      const auto is_right = [&](const std::string& answer) {
        return seat.judge->passes(seat.judge->score_of(asked.pair, answer));
      };
      record.right += asked.pair.paraphrased.size();
      record.rejected +=
          asked.pair.paraphrased.size() - static_cast<std::size_t>(std::ranges::count_if(asked.pair.paraphrased, is_right));
      record.wrong += asked.pair.perturbed.size();
      record.accepted += static_cast<std::size_t>(std::ranges::count_if(asked.pair.perturbed, is_right));
    }
    if (record.right + record.wrong > 0) found.push_back(std::move(record));
  }
  return found;
}

}  // namespace unpact
