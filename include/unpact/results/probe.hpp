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

/// Whether a probe could put a question, and by what words. The numbers are those of the results format.
enum class Asked : std::uint8_t {
  no = 0,              ///< there was nothing to ask it with: its attempts are empty, and it counts in no rate of the probe
  yes = 1,             ///< FocusOnKey: with its KeyTokens
  relative_floor = 2,  ///< with the words that the relative floor alone names: the absolute one leaves none
};

/// What a judge that does not decide says of a probe's attempts.
struct ProbeVerdicts {
  std::string judge;
  std::vector<double> score;           ///< P x m
  std::vector<std::uint8_t> is_right;  ///< P x m
};

/// What the question of an attempt says of the answer by itself (design 2.5).
struct InjectionRecord {
  std::vector<std::uint8_t>
      has_gold;  ///< P x m: the gold answer, or each of its words but stop words, stands in it; such attempts
                 ///< count in no rate
  std::vector<double> gold_share;        ///< P x m: share of the gold answer's words, without stop words, that stand in it
  std::vector<std::int32_t> new_words;   ///< P x m: words in it that are neither in the question nor in the probe's template
  std::vector<std::uint8_t> echo_right;  ///< P x m: the judge would take the question itself for a right answer
};

/// Attempts of one probe on the forgotten questions.
struct ProbeRecord {
  std::string name;   ///< as options, groups of the file and rates call it
  std::string label;  ///< as people call it
  ProbeKind kind = ProbeKind::probe;
  std::vector<std::string> attempt_labels;  ///< m: the phrasings, or the samples' names
  std::vector<std::uint8_t> trained;        ///< m: whether the unlearning trained on the phrasing; empty: on none
  std::vector<std::uint64_t> question;      ///< P: index of each probed question
  std::vector<std::uint8_t> asked;          ///< P, an Asked; empty: all yes
  std::vector<std::string> put;             ///< P x m: the question as it was put, row-major; empty: files before 1.7
  std::vector<std::string> gold;            ///< P x m: a right answer, where it is not the question's; empty: all are
  std::vector<std::int32_t> tokens;         ///< P x m: prompt and answer, earlier turns included; empty: files before 1.8
  std::vector<std::vector<std::int64_t>> prompt;  ///< P x m: what was answered, as tokens; not in files
  std::vector<std::uint8_t> found;                ///< P x m: right by the probe itself; empty: judges say; not in files
  std::vector<std::int64_t> steps;  ///< m: of a training, after which each attempt was made; empty: none; as points in files
  std::vector<double> losses;       ///< m: of these steps
  InjectionRecord injection;        ///< empty: files before 1.7
  std::vector<ProbeVerdicts> judged;   ///< by further judges
  std::vector<std::string> answer;     ///< P x m, row-major; empty where no attempt was possible
  std::vector<double> score;           ///< P x m
  std::vector<std::uint8_t> is_right;  ///< P x m
};

/// The name of a probe's recovery rate begins with this, the probe's name follows.
inline constexpr const char* kRecoveryPrefix = "recovery_";
/// The same of the share of forgotten questions that it could ask.
inline constexpr const char* kAskedPrefix = "asked_";
/// The recovery rate without questions that the judge would take for a right answer themselves.
inline constexpr const char* kWithoutEchoPrefix = "without_echo_";
/// The recovery rate by attempts in phrasings that no training has seen, where others were trained on.
inline constexpr const char* kHeldOutPrefix = "held_out_";
/// What the target and a model that was never taught make of the questions of a recovery rate.
inline constexpr const char* kCeilingPrefix = "ceiling_";
inline constexpr const char* kFloorPrefix = "floor_";

}  // namespace unpact
