#pragma once
/// What became of a question between the target model f and the unlearned model g, and the rates over outcomes.
#include <cstdint>
#include <span>

#include "unpact/evaluation/statistics.hpp"

/// A namespace of its own: the record layer, which may not be included here, has an enum with the same name.
namespace unpact::evaluation {

/// The numbers are those of the results format and must not change; record's Outcome has the same ones.
enum class Outcome : std::uint8_t {
  unknown = 0,    ///< f wrong, so nothing can be said about g (either set)
  retained = 1,   ///< forget set: f right, g right
  forgotten = 2,  ///< forget set: f right, g wrong
  kept = 3,       ///< retain set: f right, g right
  destroyed = 4,  ///< retain set: f right, g wrong
};

/// The outcome of one question, from the judge's verdicts on both models' answers.
Outcome classify(bool is_forget_question, bool target_right, bool unlearned_right);

/// Destructive rate = destroyed / (kept + destroyed), with its 95 % Wilson interval; other outcomes do not count.
Rate destructive_rate(std::span<const Outcome> outcomes);

/// Recovery rate of a probe = forgotten questions that it gets right / forgotten questions, with its 95 % Wilson
/// interval. @param recovered one value a question, other than 0 where any attempt of the probe was right; read
/// only where the outcome is `forgotten`. Requires as many values as outcomes.
Rate recovery_rate(std::span<const Outcome> outcomes, std::span<const std::uint8_t> recovered);

}  // namespace unpact::evaluation
