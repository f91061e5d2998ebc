#include "judge_all.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "judge_check.hpp"

namespace unpact {
namespace {

std::vector<std::uint8_t> verdicts_of(const Judge& judge, const std::vector<double>& scores) {
  std::vector<std::uint8_t> verdicts;
  for (const auto score : scores) verdicts.push_back(judge.passes(score));
  return verdicts;
}

AnswersToJudge attempts_to_judge(const Communicator& group, const LanguageModel& model,
                                 const std::vector<AskedQuestion>& questions, const ProbeRecord& probe,
                                 const PageOptions& kept) {
  AnswersToJudge all{group, model, {}, probe.answer, probe.prompt, kept};
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

/// For a judge that compares likelihoods and does not look at what was answered: the known answer in the gold one's place. A wrong
/// one has the gold answer among those that it is compared with.
AnswersToJudge in_place_of_gold(AnswersToJudge known, const std::vector<KnownAnswer>& kinds) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    auto changed = std::make_shared<AskedQuestion>(*known.questions[i]);
    auto& pair = changed->pair;
    if (!kinds[i].is_right) std::erase(pair.perturbed, known.answers[i]);
    if (!kinds[i].is_right) pair.perturbed.push_back(pair.answer);
    pair.answer = known.answers[i];
    known.questions[i] = changed.get();
    known.prompts.push_back(changed->prompt.ids);
    known.changed.push_back(std::move(changed));
  }
  return known;
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
                             const std::vector<AskedQuestion>& questions, const PageOptions& kept,
                             ProbeRecord& probe) const {
  for (const auto& [row, judge] : judges_) {
    if (!probe.found.empty()) {  // no judge has anything to read
      const std::vector<double> scores(probe.found.begin(), probe.found.end());
      if (judge.get() == &deciding()) std::tie(probe.score, probe.is_right) = std::pair(scores, probe.found);
      else probe.judged.push_back({row->name, scores, probe.found});
      continue;
    }
    auto scores = judge->scores(attempts_to_judge(group, model, questions, probe, kept));
    auto verdicts = verdicts_of(*judge, scores);
    if (judge.get() == &deciding()) {
      probe.score = std::move(scores);
      probe.is_right = std::move(verdicts);
    } else {
      probe.judged.push_back({row->name, std::move(scores), std::move(verdicts)});
    }
  }
}

bool JudgePanel::asks_model() const {
  return std::ranges::any_of(judges_, [](const auto& seat) { return seat.row->asks_judge || seat.row->asks_model; });
}

std::vector<std::uint8_t> JudgePanel::echoes(const Communicator& group, const LanguageModel& model,
                                             const std::vector<AskedQuestion>& questions, const PageOptions& kept,
                                             const ProbeRecord& probe) const {
  const auto& [row, judge] = judges_.front();
  if (!row->reads_answers || row->wants_letters || !probe.found.empty())
    return std::vector<std::uint8_t>(probe.put.size(), 0);
  auto all = attempts_to_judge(group, model, questions, probe, kept);
  all.answers = probe.put;
  all.prompts.clear();
  all.kept.stage += "_echo";
  auto found = verdicts_of(*judge, judge->scores(all));
  for (std::size_t i = 0; i < found.size(); ++i)
    if (probe.put[i].empty()) found[i] = 0;  // nothing was asked
  return found;
}

std::vector<JudgeCheckRecord> JudgePanel::check(const Communicator& group, const LanguageModel& model,
                                                const std::vector<AskedQuestion>& questions, FinishedPages* pages,
                                                std::size_t save_every) const {
  AnswersToJudge known{group, model, {}, {}, {}, {pages, "known_answers", save_every}};
  std::vector<KnownAnswer> kinds;
  std::size_t with_known = 0;
  for (const auto& asked : questions) {
    const bool is_known = !asked.pair.paraphrased.empty() || !asked.pair.perturbed.empty();
    for (const auto* texts : {&asked.pair.paraphrased, &asked.pair.perturbed})
      for (const auto& text : *texts) {
        known.questions.push_back(&asked);
        known.answers.push_back(text);
        kinds.push_back({texts == &asked.pair.paraphrased, with_known % 2 == 0});
      }
    with_known += is_known;
  }
  std::vector<JudgeCheckRecord> found;
  for (const auto& [row, judge] : judges_) {
    if (row->wants_letters || kinds.empty() || !(row->reads_answers || row->asks_model)) continue;
    const auto scores = judge->scores(row->asks_model ? in_place_of_gold(known, kinds) : known);
    found.push_back(check_judge(row->name, *judge, scores, kinds));
  }
  return found;
}

}  // namespace unpact
