#pragma once
/// Attempts of a recovery probe.
///
/// Legend: P = probed questions, m = attempts a question.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"

namespace unpact {

/// What a probe is for: to win answers back, to be compared with, or to recover nothing.
enum class ProbeKind { probe, baseline, control };
UNPACT_ENUMERATION(ProbeKind, "probe", "baseline", "control");

/// Attempts of one probe on the forgotten questions.
struct ProbeRecord {
  std::string name;   ///< as options, groups of the file and rates call it
  std::string label;  ///< as people call it
  ProbeKind kind = ProbeKind::probe;
  std::vector<std::string> attempt_labels;  ///< m: the phrasings, or the samples' names
  std::vector<std::uint64_t> question;      ///< P: index of each probed question
  std::vector<std::string> answer;          ///< P x m, row-major; empty where no attempt was possible
  std::vector<double> score;                ///< P x m
  std::vector<std::uint8_t> is_right;       ///< P x m
};

/// The name of a probe's recovery rate begins with this, the probe's name follows.
inline constexpr const char* kRecoveryPrefix = "recovery_";

}  // namespace unpact
