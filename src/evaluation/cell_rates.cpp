#include "unpact/evaluation/cell_rates.hpp"

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

/// What rates count: of a question that is left out, no set, and an outcome and a state that no rate has.
struct Counted {
  Flags split;
  std::vector<Outcome> outcomes;
  KnowledgeRecord knowledge;
};

Counted all_of(const CellRecord& record) {
  Counted counted{record.questions.split, {}, record.knowledge};
  for (const auto outcome : record.outcome) counted.outcomes.push_back(static_cast<Outcome>(outcome));
  return counted;
}

/// Without the questions on which the cell's point or mixture was chosen.
Counted reported_of(const CellRecord& record) {
  constexpr std::uint8_t kNoSet = 255;
  auto counted = all_of(record);
  for (std::size_t q = 0; q < counted.split.size(); ++q) {
    if (record.trajectory.role[q] != static_cast<std::uint8_t>(PointRole::choose)) continue;
    counted.split[q] = kNoSet;
    counted.outcomes[q] = Outcome::unknown;
    counted.knowledge.state[q] = static_cast<std::uint8_t>(Knowledge::unknown);
  }
  return counted;
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
void add_trace_rates(std::vector<Rate>& rates, const std::string& prefix, const CellRecord& record, const Counted& counted) {
  const auto &target = record.target.thought.is_right, &unlearned = record.unlearned.thought.is_right;
  if (target.empty() || unlearned.empty()) return;
  add_right_shares(rates, prefix + kTracePrefix, counted.split, target, unlearned);
  std::uint64_t leaking = 0, forgotten = 0;
  for (std::size_t q = 0; q < counted.outcomes.size(); ++q) {
    if (counted.outcomes[q] != Outcome::forgotten) continue;
    leaking += unlearned[q];
    ++forgotten;
  }
  add(rates, prefix + kTraceLeak, wilson_rate(leaking, forgotten));
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

bool is_trained_on(const ProbeRecord& probe) {
  return std::ranges::any_of(probe.trained, [](auto flag) { return flag != 0; });
}

void add_probe_rates(std::vector<Rate>& rates, const std::string& prefix, const CellRecord& record,
                     const std::vector<Outcome>& outcomes) {
  const auto count = outcomes.size();
  const auto recovery = [&](const ProbeRecord& probe) {
    return recovery_rate(outcomes, recovered_by(probe, count), asked_by(probe, count));
  };
  for (const auto& probe : record.probes) add(rates, concat(prefix, kRecoveryPrefix, probe.name), recovery(probe));
  for (const auto& probe : record.probes) {
    auto asked = asked_by(probe, count);
    add(rates, concat(prefix, kAskedPrefix, probe.name), asked_rate(outcomes, asked));
    const auto echoed = echoed_in(probe, count);
    for (std::size_t q = 0; q < count; ++q)
      if (echoed[q] != 0) asked[q] = 0;
    add(rates, concat(prefix, kWithoutEchoPrefix, probe.name), recovery_rate(outcomes, recovered_by(probe, count), asked));
    if (is_trained_on(probe)) add(rates, concat(prefix, kHeldOutPrefix, probe.name), recovery(in_held_out_phrasings(probe)));
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
void add_arm_rates(std::vector<Rate>& rates, const std::string& before, const CellRecord& record, const Counted& all) {
  const auto& outcomes = all.outcomes;
  const auto is_retain = [&](std::size_t q) { return all.split[q] == static_cast<std::uint8_t>(Split::retain); };
  for (const auto& [name, prefix] : {std::pair(kCeilingArm, kCeilingPrefix), std::pair(kFloorArm, kFloorPrefix)}) {
    const auto arm = std::ranges::find(record.arms, name, &ArmRecord::name);
    if (arm == record.arms.end()) continue;
    for (const auto& probe : record.probes) {
      const auto probed = std::ranges::find(arm->probes, probe.name, &ArmRecord::Probed::probe);
      if (probed == arm->probes.end()) continue;
      auto counted = asked_by(probe, outcomes.size());
      for (std::size_t q = 0; q < counted.size(); ++q) counted[q] = counted[q] != 0 && outcomes[q] == Outcome::forgotten;
      add(rates, concat(before, prefix, probe.name), arm_rate(probed->state, counted));
      for (std::size_t q = 0; q < counted.size(); ++q) counted[q] = is_retain(q);
      add(rates, concat(before, prefix, "retain_", probe.name), arm_rate(probed->state, counted));
    }
  }
  const auto arm = std::ranges::find(record.arms, kUnlearnedArm, &ArmRecord::name);
  for (const auto& probe : record.probes) {
    if (arm == record.arms.end()) break;
    const auto probed = std::ranges::find(arm->probes, probe.name, &ArmRecord::Probed::probe);
    if (probed == arm->probes.end()) continue;
    Flags counted(outcomes.size());
    for (std::size_t q = 0; q < counted.size(); ++q) counted[q] = is_retain(q);
    add(rates, concat(before, kRetainPrefix, probe.name), arm_rate(probed->state, counted));
  }
}

/// What the cell looks like to a judge that does not decide. Probes put the questions that the deciding judge calls
/// forgotten; of them count those that this one calls forgotten, too.
void add_rates_by(std::vector<Rate>& rates, const std::string& before, const CellRecord& record, const Flags& split,
                  const JudgeRecord& judge) {
  const auto prefix = concat(before, kByJudgePrefix, judge.name, "_");
  const auto count = split.size();
  std::vector<Outcome> outcomes;
  for (std::size_t q = 0; q < count; ++q) {
    const bool counts = split[q] == record.questions.split[q];
    outcomes.push_back(classify(split[q] == static_cast<std::uint8_t>(Split::forget),
                                counts && judge.target_is_right[q] != 0, judge.unlearned_is_right[q] != 0));
  }
  add_right_shares(rates, prefix, split, judge.target_is_right, judge.unlearned_is_right);
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

/// Every rate of some questions. @param prefix of all names.
void add_all(std::vector<Rate>& rates, const std::string& prefix, const CellRecord& record, const Counted& counted) {
  add_right_shares(rates, prefix, counted.split, record.target.is_right, record.unlearned.is_right);
  add_trace_rates(rates, prefix, record, counted);
  add_probe_rates(rates, prefix, record, counted.outcomes);
  add_arm_rates(rates, prefix, record, counted);
  for (auto& rate : knowledge_rates(counted.knowledge)) {
    const auto name = prefix + rate.name;
    add(rates, name, std::move(rate));
  }
  add_destruction(rates, prefix, record.questions.half, counted.outcomes);
  std::map<std::string, const JudgeRecord*> judges;  // by name, whatever the order of a file
  for (const auto& judge : record.judges) judges[judge.name] = &judge;
  for (const auto& [name, judge] : judges) add_rates_by(rates, prefix, record, counted.split, *judge);
}

}  // namespace

std::vector<Rate> cell_rates(const CellRecord& record) {
  std::vector<Rate> rates;
  add_all(rates, "", record, all_of(record));
  const auto& roles = record.trajectory.role;
  if (std::ranges::find(roles, static_cast<std::uint8_t>(PointRole::choose)) != roles.end())
    add_all(rates, kReportedPrefix, record, reported_of(record));
  add_judge_errors(rates, record);
  return rates;
}

}  // namespace unpact
