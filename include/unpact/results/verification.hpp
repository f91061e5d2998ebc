#pragma once
/// Contributions beside their definition.
#include <cstdint>
#include <string>

namespace unpact {

/// Contributions of one model to gold answers beside their definition in float32 (attribution.verify).
struct VerificationRecord {
  std::string model;                 ///< "target" or "unlearned"
  std::uint64_t questions = 0;       ///< how many were checked; at least one
  double largest_difference = 0;     ///< of a contribution, nats per answer token
  std::uint64_t worst_question = 0;  ///< index of the question that has it
  std::uint64_t candidates = 0;      ///< of these questions, each with a verdict: KeyToken or not; 0: unknown
  std::uint64_t turned = 0;          ///< verdicts that are others by the definition in float32
};

}  // namespace unpact
