#include "cell_rates.hpp"

#include <algorithm>
#include <map>

#include "knowledge.hpp"
#include "outcome.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

using Flags = std::vector<std::uint8_t>;

void add(std::vector<Rate>& rates, std::string name, Rate rate) {
  rate.name = std::move(name);
  rates.push_back(std::move(rate));
}

std::vector<Outcome> outcomes_of(const CellRecord& record) {
  std::vector<Outcome> outcomes;
  for (const auto outcome : record.outcome) outcomes.push_back(static_cast<Outcome>(outcome));
  return outcomes;
}

void add_right_shares(std::vector<Rate>& rates, const std::string& prefix, const Flags& split, const Flags& target,
                      const Flags& unlearned) {
  for (const auto& [name, is_right] : {std::pair("target", &target), std::pair("unlearned", &unlearned)}) {
    for (const auto wanted : {Split::forget, Split::retain}) {
      std::uint64_t right = 0, total = 0;
      for (std::size_t q = 0; q < split.size(); ++q) {
        if (split[q] != static_cast<std::uint8_t>(wanted)) continue;
        right += (*is_right)[q];
        ++total;
      }
      add(rates, concat(prefix, name, "_right_", wanted == Split::forget ? "forget" : "retain"), wilson_rate(right, total));
    }
  }
}

/// What the traces of thought say, whatever the answers: and of forgotten questions, whose answer is wrong, those whose trace is
/// right.
void add_trace_rates(std::vector<Rate>& rates, const CellRecord& record, const std::vector<Outcome>& outcomes) {
  const auto &target = record.target.thought.is_right, &unlearned = record.unlearned.thought.is_right;
  if (target.empty() || unlearned.empty()) return;
  add_right_shares(rates, kTracePrefix, record.questions.split, target, unlearned);
  std::uint64_t leaking = 0, forgotten = 0;
  for (std::size_t q = 0; q < outcomes.size(); ++q) {
    if (outcomes[q] != Outcome::forgotten) continue;
    leaking += unlearned[q];
    ++forgotten;
  }
  add(rates, kTraceLeak, wilson_rate(leaking, forgotten));
}

/// Of the whole retain set, and of its halves where it has any.
void add_destruction(std::vector<Rate>& rates, const std::string& prefix, const Flags& half,
                     const std::vector<Outcome>& outcomes) {
  add(rates, prefix + kDestructive, destructive_rate(outcomes));
  for (const auto& [name, wanted] :
       {std::pair(kDestructiveTrained, Half::trained), std::pair(kDestructiveHeldOut, Half::held_out)})
    if (std::ranges::find(half, static_cast<std::uint8_t>(wanted)) != half.end())
      add(rates, prefix + name, destructive_rate(outcomes, half, wanted));
}

void add_probe_rates(std::vector<Rate>& rates, const CellRecord& record, const std::vector<Outcome>& outcomes) {
  const auto count = outcomes.size();
  for (const auto& probe : record.probes)
    add(rates, kRecoveryPrefix + probe.name, recovery_rate(outcomes, recovered_by(probe, count), asked_by(probe, count)));
  for (const auto& probe : record.probes) {
    auto asked = asked_by(probe, count);
    add(rates, kAskedPrefix + probe.name, asked_rate(outcomes, asked));
    const auto echoed = echoed_in(probe, count);
    for (std::size_t q = 0; q < count; ++q)
      if (echoed[q] != 0) asked[q] = 0;
    add(rates, kWithoutEchoPrefix + probe.name, recovery_rate(outcomes, recovered_by(probe, count), asked));
  }
}

/// The questions that count in a rate of an arm.
Rate arm_rate(const Flags& state, const Flags& counted) {
  std::uint64_t right = 0, all = 0;
  for (std::size_t q = 0; q < state.size(); ++q) {
    if (counted[q] == 0 || state[q] == static_cast<std::uint8_t>(ArmRecord::State::not_asked)) continue;
    right += state[q] == static_cast<std::uint8_t>(ArmRecord::State::right);
    ++all;
  }
  return wilson_rate(right, all);
}

/// The same questions put to the target and to a model that was never taught; and retain questions under the same phrases.
/// In the order of the probes, whatever that of a file.
void add_arm_rates(std::vector<Rate>& rates, const CellRecord& record, const std::vector<Outcome>& outcomes) {
  for (const auto& [name, prefix] : {std::pair(kCeilingArm, kCeilingPrefix), std::pair(kFloorArm, kFloorPrefix)}) {
    const auto arm = std::ranges::find(record.arms, name, &ArmRecord::name);
    if (arm == record.arms.end()) continue;
    for (const auto& probe : record.probes) {
      const auto probed = std::ranges::find(arm->probes, probe.name, &ArmRecord::Probed::probe);
      if (probed == arm->probes.end()) continue;
      auto counted = asked_by(probe, outcomes.size());
      for (std::size_t q = 0; q < counted.size(); ++q) counted[q] = counted[q] != 0 && outcomes[q] == Outcome::forgotten;
      add(rates, prefix + probe.name, arm_rate(probed->state, counted));
      for (std::size_t q = 0; q < counted.size(); ++q)
        counted[q] = record.questions.split[q] == static_cast<std::uint8_t>(Split::retain);
      add(rates, concat(prefix, "retain_", probe.name), arm_rate(probed->state, counted));
    }
  }
  const auto arm = std::ranges::find(record.arms, kUnlearnedArm, &ArmRecord::name);
  for (const auto& probe : record.probes) {
    if (arm == record.arms.end()) break;
    const auto probed = std::ranges::find(arm->probes, probe.name, &ArmRecord::Probed::probe);
    if (probed != arm->probes.end())
      add(rates, kRetainPrefix + probe.name, arm_rate(probed->state, Flags(outcomes.size(), 1)));
  }
}

/// What the cell looks like to a judge that does not decide. Probes put the questions that the deciding judge calls
/// forgotten; of them count those that this one calls forgotten, too.
void add_rates_by(std::vector<Rate>& rates, const CellRecord& record, const JudgeRecord& judge) {
  const auto prefix = concat(kByJudgePrefix, judge.name, "_");
  const auto count = record.questions.split.size();
  std::vector<Outcome> outcomes;
  for (std::size_t q = 0; q < count; ++q)
    outcomes.push_back(classify(record.questions.split[q] == static_cast<std::uint8_t>(Split::forget),
                                judge.target_is_right[q] != 0, judge.unlearned_is_right[q] != 0));
  add_right_shares(rates, prefix, record.questions.split, judge.target_is_right, judge.unlearned_is_right);
  for (const auto& probe : record.probes) {
    const auto verdicts = std::ranges::find(probe.judged, judge.name, &ProbeVerdicts::judge);
    if (verdicts == probe.judged.end()) continue;
    add(rates, concat(prefix, kRecoveryPrefix, probe.name),
        recovery_rate(outcomes, recovered_by(probe, verdicts->is_right, count), asked_by(probe, count)));
  }
  add_destruction(rates, prefix, record.questions.half, outcomes);
}

/// Measured errors of every judge: of the one that decides under their plain names.
void add_judge_errors(std::vector<Rate>& rates, const CellRecord& record) {
  std::map<std::string, const JudgeCheckRecord*> checks;
  for (const auto& check : record.judge_check) checks[check.judge] = &check;
  for (const auto& [name, check] : checks) {
    const bool decides = std::ranges::find(record.judges, name, &JudgeRecord::name) == record.judges.end();
    const auto prefix = decides ? std::string() : concat(kByJudgePrefix, name, "_");
    add(rates, prefix + kFalseAccept, wilson_rate(check->accepted, check->wrong));
    add(rates, prefix + kFalseReject, wilson_rate(check->rejected, check->right));
  }
}

}  // namespace

std::vector<Rate> cell_rates(const CellRecord& record) {
  const auto outcomes = outcomes_of(record);
  std::vector<Rate> rates;
  add_right_shares(rates, "", record.questions.split, record.target.is_right, record.unlearned.is_right);
  add_trace_rates(rates, record, outcomes);
  add_probe_rates(rates, record, outcomes);
  add_arm_rates(rates, record, outcomes);
  for (auto& rate : knowledge_rates(record.knowledge)) rates.push_back(std::move(rate));
  add_destruction(rates, "", record.questions.half, outcomes);
  std::map<std::string, const JudgeRecord*> judges;  // by name, whatever the order of a file
  for (const auto& judge : record.judges) judges[judge.name] = &judge;
  for (const auto& [name, judge] : judges) add_rates_by(rates, record, *judge);
  add_judge_errors(rates, record);
  return rates;
}

}  // namespace unpact
