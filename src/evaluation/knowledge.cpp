#include "knowledge.hpp"

#include <algorithm>

#include "unpact/evaluation/statistics.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

Knowledge state_of(Outcome outcome, bool is_forget_question, bool recovered) {
  if (!is_forget_question) return Knowledge::retain;
  if (outcome == Outcome::unknown) return Knowledge::unknown;
  if (outcome == Outcome::retained) return Knowledge::still_right;
  return recovered ? Knowledge::recovered : Knowledge::gone;
}

}  // namespace

KnowledgeRecord knowledge_of(std::span<const Outcome> outcomes, std::span<const std::uint8_t> split,
                             const std::vector<ProbeRecord>& probes) {
  UNPACT_EXPECT(outcomes.size() == split.size());
  KnowledgeRecord knowledge;
  std::vector<std::uint8_t> recovered(outcomes.size(), 0);
  for (const auto& probe : probes) {
    if (probe.kind == ProbeKind::control) continue;
    knowledge.probes.push_back(probe.name);
    knowledge.attempts = std::max(knowledge.attempts, static_cast<std::int64_t>(probe.attempt_labels.size()));
    const auto by_probe = recovered_by(probe, outcomes.size());
    for (std::size_t q = 0; q < recovered.size(); ++q) recovered[q] = recovered[q] != 0 || by_probe[q] != 0;
  }
  for (std::size_t q = 0; q < outcomes.size(); ++q) {
    const bool forget = split[q] == static_cast<std::uint8_t>(Split::forget);
    knowledge.state.push_back(static_cast<std::uint8_t>(state_of(outcomes[q], forget, recovered[q] != 0)));
  }
  return knowledge;
}

std::vector<Rate> knowledge_rates(const KnowledgeRecord& knowledge) {
  const auto count = [&](Knowledge wanted) {
    return static_cast<std::uint64_t>(std::ranges::count(knowledge.state, static_cast<std::uint8_t>(wanted)));
  };
  const auto right = count(Knowledge::still_right), back = count(Knowledge::recovered), gone = count(Knowledge::gone);
  std::vector<Rate> rates;
  const auto add = [&](const char* name, std::uint64_t share) {
    rates.push_back(wilson_rate(share, right + back + gone));
    rates.back().name = name;
  };
  add("still_right", right);
  add("won_back", back);
  add("gone", gone);
  add(kKnowledgeLeft, right + back);
  return rates;
}

bool counts(const ProbeRecord& probe, std::size_t attempt) {
  return probe.injection.has_gold.empty() || probe.injection.has_gold[attempt] == 0;
}

std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, const std::vector<std::uint8_t>& is_right,
                                       std::size_t questions) {
  std::vector<std::uint8_t> recovered(questions, 0);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < is_right.size(); ++i)
    if (is_right[i] && counts(probe, i)) recovered[probe.question[i / attempts]] = 1;
  return recovered;
}

std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, std::size_t questions) {
  return recovered_by(probe, probe.is_right, questions);
}

std::vector<std::uint8_t> asked_by(const ProbeRecord& probe, std::size_t questions) {
  std::vector<std::uint8_t> asked(questions, 0);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t p = 0; p < probe.question.size(); ++p) {
    if (!probe.asked.empty() && probe.asked[p] == static_cast<std::uint8_t>(Asked::no)) continue;
    for (std::size_t a = 0; a < attempts; ++a)
      if (counts(probe, p * attempts + a)) asked[probe.question[p]] = 1;
  }
  return asked;
}

ProbeRecord in_held_out_phrasings(const ProbeRecord& probe) {
  ProbeRecord held_out;
  held_out.name = probe.name;
  held_out.attempt_labels = probe.attempt_labels;
  held_out.question = probe.question;
  held_out.asked = probe.asked;
  held_out.is_right = probe.is_right;
  auto& left_out = held_out.injection.has_gold;
  left_out = probe.injection.has_gold;
  left_out.resize(probe.question.size() * probe.attempt_labels.size(), 0);
  for (std::size_t i = 0; i < left_out.size(); ++i)
    if (probe.trained[i % probe.attempt_labels.size()] != 0) left_out[i] = 1;
  return held_out;
}

std::vector<std::uint8_t> echoed_in(const ProbeRecord& probe, std::size_t questions) {
  std::vector<std::uint8_t> echoed(questions, 0);
  const auto attempts = probe.attempt_labels.size();
  for (std::size_t i = 0; i < probe.injection.echo_right.size(); ++i)
    if (probe.injection.echo_right[i]) echoed[probe.question[i / attempts]] = 1;
  return echoed;
}

}  // namespace unpact
