#pragma once
/// A share of a count: no rate is reported without its counts and its interval.
#include <cstdint>
#include <string>

namespace unpact {

/// `value` = count / total with its 95 % Wilson interval [low, high]; NaN and [0, 1] when total is 0.
struct Rate {
  std::string name;
  std::uint64_t count = 0, total = 0;
  double value = 0, low = 0, high = 0;
};

/// Rates that people look for by name.
inline constexpr const char* kKnowledgeLeft = "knowledge_left";
inline constexpr const char* kFalseAccept = "false_accept";  ///< the deciding judge: wrong answers that it accepts
inline constexpr const char* kFalseReject = "false_reject";  ///< right answers that it rejects
inline constexpr const char* kRetainPrefix = "retain_";      ///< then a probe: the unlearned model on retain questions
inline constexpr const char* kDestructive = "destructive";   ///< of all retain questions
inline constexpr const char* kDestructiveTrained = "destructive_trained";   ///< of those that the retain term may train on
inline constexpr const char* kDestructiveHeldOut = "destructive_held_out";  ///< of those that no loss has seen: decides
/// Then any rate: of the questions that had no say in the choice of the cell's point or mixture alone.
inline constexpr const char* kReportedPrefix = "reported_";

}  // namespace unpact
