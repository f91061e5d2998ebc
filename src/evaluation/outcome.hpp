#pragma once
/// What became of a question between the target model f and the unlearned model g, and the rates over outcomes.
#include <cstdint>
#include <span>

#include "unpact/evaluation/statistics.hpp"
#include "unpact/results/outcome.hpp"
#include "unpact/results/question.hpp"

namespace unpact {

/// The outcome of one question, from the judge's verdicts on both models' answers.
Outcome classify(bool is_forget_question, bool target_right, bool unlearned_right);

/// Destructive rate = destroyed / (kept + destroyed), with its 95 % Wilson interval; other outcomes do not count.
Rate destructive_rate(std::span<const Outcome> outcomes);

/// The same of the retain questions of one half. @param half a Half a question.
Rate destructive_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> half, Half wanted);

/// Recovery rate of a probe = forgotten questions that it gets right / forgotten questions that it asks, with its 95 %
/// Wilson interval. @param recovered, asked one value a question, other than 0 where any attempt of the probe was right, and
/// where it could ask; read only where the outcome is `forgotten`. Requires as many values as outcomes.
Rate recovery_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> recovered,
                   std::span<const std::uint8_t> asked);

/// The share of forgotten questions that a probe could ask.
Rate asked_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> asked);

}  // namespace unpact
