#pragma once
/// What an unlearning has left of what the target knew of the forget set: what it still says without help, and what probes
/// win back. A recovery rate looks at what was forgotten alone, so a method that forgets little can look good by it; these
/// rates do not.
#include <span>
#include <vector>

#include "unpact/results/outcome.hpp"
#include "unpact/results/probe.hpp"
#include "unpact/results/question.hpp"
#include "unpact/results/rate.hpp"

namespace unpact {

/// The state of each question for the set of all probes but controls, a question being recovered when any attempt of any of
/// them is right. Legend: Q = questions. @param outcomes Q. @param split Q, a Split.
KnowledgeRecord knowledge_of(std::span<const Outcome> outcomes, std::span<const std::uint8_t> split,
                             const std::vector<ProbeRecord>& probes);

/// Shares of the forget questions that the target knows: `still_right`, `won_back`, `gone`, and `knowledge_left`, the sum of
/// the former two; each with its 95 % Wilson interval.
std::vector<Rate> knowledge_rates(const KnowledgeRecord& knowledge);

/// Whether an attempt counts: its question does not tell the gold answer.
bool counts(const ProbeRecord& probe, std::size_t attempt);

/// One flag a question of `questions`: whether any attempt of the probe that counts was right. @param is_right P x m, of
/// some judge.
std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, const std::vector<std::uint8_t>& is_right,
                                       std::size_t questions);
std::vector<std::uint8_t> recovered_by(const ProbeRecord& probe, std::size_t questions);

/// One flag a question: whether the probe could ask it in an attempt that counts.
std::vector<std::uint8_t> asked_by(const ProbeRecord& probe, std::size_t questions);

/// The probe with attempts that count in phrasings alone that no training has seen: questions, attempts, verdicts and what counts.
ProbeRecord in_held_out_phrasings(const ProbeRecord& probe);

/// One flag a question: whether the judge would take the question of some attempt for a right answer.
std::vector<std::uint8_t> echoed_in(const ProbeRecord& probe, std::size_t questions);

}  // namespace unpact
