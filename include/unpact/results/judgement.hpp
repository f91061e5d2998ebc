#pragma once
/// Judges beside the one that decides, and how often each is wrong on answers whose rightness is known.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace unpact {

/// What a judge that does not decide says of both models' answers. Legend: Q = questions. Its verdicts on attempts lie with
/// the probes.
struct JudgeRecord {
  std::string name, description;
  std::vector<double> target_score, unlearned_score;              ///< Q
  std::vector<std::uint8_t> target_is_right, unlearned_is_right;  ///< Q
};

/// One judge beside answers that are known: paraphrased ones are right, perturbed ones wrong.
struct JudgeCheckRecord {
  std::string judge;
  std::uint64_t right = 0, rejected = 0;                        ///< right answers, and those of them that it rejects
  std::uint64_t wrong = 0, accepted = 0;                        ///< wrong answers, and those of them that it accepts
  double threshold = std::numeric_limits<double>::quiet_NaN();  ///< score from which an answer is right; NaN: it has none
  std::uint64_t calibrated_on = 0;  ///< other known answers that the threshold was found on; 0: it was given
};

/// What a model that was taught otherwise makes of the same probes: the target (ceiling), or one that was never taught
/// (floor).
struct ArmRecord {
  /// Of a question: whether the probe put it, and whether any attempt was right.
  enum class State : std::uint8_t { not_asked = 0, wrong = 1, right = 2 };
  struct Probed {
    std::string probe;
    std::vector<std::uint8_t> state;  ///< Q, a State; every question that the target knows is asked, of both sets
  };
  std::string name;                    ///< target or floor
  std::string model;                   ///< which model it is, for people
  std::vector<std::uint8_t> is_right;  ///< Q: its greedy answer to the plain question
  std::vector<Probed> probes;
};

/// Names of the arms.
inline constexpr const char* kCeilingArm = "target";
inline constexpr const char* kFloorArm = "floor";
inline constexpr const char* kUnlearnedArm = "unlearned";  ///< retain questions alone: forget questions are the probes'

}  // namespace unpact
