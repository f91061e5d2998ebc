#include "compare_models.hpp"

#include "focus_shift.hpp"
#include "unpact/core/text.hpp"
#include "choices.hpp"
#include "own_answers.hpp"
#include "outcome.hpp"
#include "unpact/evaluation/stage_meter.hpp"

namespace unpact {
namespace {

std::vector<Outcome> classify_questions(const CellRecord& record, const std::vector<AskedQuestion>& questions) {
  std::vector<Outcome> outcomes;
  for (std::size_t q = 0; q < questions.size(); ++q)
    outcomes.push_back(classify(questions[q].in_forget_set, record.target.is_right[q], record.unlearned.is_right[q]));
  return outcomes;
}

void judge_probe(const Judge& judge, const std::vector<AskedQuestion>& questions, ProbeRecord& record) {
  const auto attempts = record.attempt_labels.size();
  for (std::size_t i = 0; i < record.answer.size(); ++i) {
    record.score.push_back(judge.score(questions[record.question[i / attempts]].pair.answer, record.answer[i]));
    record.is_right.push_back(judge.passes(record.score.back()));
  }
}

/// Every chosen probe on the forgotten questions. Appends a stage a probe to `work`.
std::vector<ProbeRecord> run_probes(const Communicator& group, const LanguageModel& unlearned,
                                    const std::vector<AskedQuestion>& questions, const std::vector<std::size_t>& forgotten,
                                    const EvaluationOptions& options, const std::vector<ProbeRow>& table,
                                    FinishedPages* pages, CellRecord& record) {
  const auto& keys_of =
      focused(options.probe.keys_of == KeysOf::target ? record.target : record.unlearned, options.attribution.focus_of);
  std::vector<std::vector<std::string>> keys;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    const auto n = questions[q].prompt.candidate_end - questions[q].prompt.candidate_begin;
    keys.push_back(key_words(questions[q], padded(keys_of.is_key_token.row(q), n)));
  }
  ProbeTask task{group, unlearned, questions, forgotten, keys, options.probe.budget(), style_of(options.judge)};
  const auto judge = make_judge(options.judge);
  std::vector<ProbeRecord> probes;
  for (const auto* row : chosen_probes(options.probe, table)) {
    const StageMeter meter(group, unlearned.transformer.device());
    task.pages = pages_of_probe(pages, row->name, static_cast<std::size_t>(options.attribution.save_every), task.budget);
    probes.push_back(run_probe(*row, options.probe, options.generation, task));
    record.work.push_back(meter.record("probe_" + row->name));
    judge_probe(*judge, questions, probes.back());
  }
  return probes;
}

/// One flag a question: whether any attempt of the probe was right.
std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, std::size_t questions) {
  std::vector<std::uint8_t> recovered(questions, 0);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < probe.is_right.size(); ++i)
    if (probe.is_right[i]) recovered[probe.question[i / attempts]] = 1;
  return recovered;
}

Rate named(std::string name, Rate rate) {
  rate.name = std::move(name);
  return rate;
}

void add_right_shares(const CellRecord& record, std::vector<Rate>& rates) {
  for (const auto& [name, model] : {std::pair("target", &record.target), std::pair("unlearned", &record.unlearned)}) {
    for (const auto split : {Split::forget, Split::retain}) {
      std::uint64_t right = 0, total = 0;
      for (std::size_t q = 0; q < record.questions.split.size(); ++q) {
        if (record.questions.split[q] != static_cast<std::uint8_t>(split)) continue;
        right += model->is_right[q];
        ++total;
      }
      rates.push_back(
          named(concat(name, "_right_", split == Split::forget ? "forget" : "retain"), wilson_rate(right, total)));
    }
  }
}

}  // namespace

void compare_models(const Communicator& group, const LanguageModel& unlearned, const std::vector<AskedQuestion>& questions,
                    const EvaluationOptions& options, const std::vector<ProbeRow>& table, FinishedPages* pages,
                    CellRecord& record) {
  const auto outcomes = classify_questions(record, questions);
  std::vector<std::size_t> forgotten;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    record.outcome.push_back(static_cast<std::uint8_t>(outcomes[q]));
    if (outcomes[q] == Outcome::forgotten) forgotten.push_back(q);
  }
  const auto focus_of = options.attribution.focus_of;
  record.focus_shift = focus_shift(focused(record.target, focus_of), focused(record.unlearned, focus_of));
  record.probes = run_probes(group, unlearned, questions, forgotten, options, table, pages, record);
  add_right_shares(record, record.rates);
  for (const auto& probe : record.probes)
    record.rates.push_back(
        named(kRecoveryPrefix + probe.name, recovery_rate(outcomes, recovered_by(probe, questions.size()))));
  record.rates.push_back(named("destructive", destructive_rate(outcomes)));
  record.judge = make_judge(options.judge)->describe();
}

}  // namespace unpact
