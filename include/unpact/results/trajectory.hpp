#pragma once
/// What a model knew on its way through an unlearning, and what was made of it.
///
/// Legend: P points, Q questions.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace unpact {

/// What is counted behind a step. Of the retain set, questions that its loss may have trained on and those that none saw, apart.
struct TrajectoryPoint {
  std::int64_t step = 0;  ///< optimizer steps done
  double epoch = 0;       ///< passes over the forget set
  std::uint64_t forget_right = 0, forget_asked = 0;
  std::uint64_t forgotten = 0, forget_known = 0;  ///< wrong now, of those that the target knows
  std::uint64_t retain_trained_right = 0, retain_trained_asked = 0;
  std::uint64_t retain_held_out_right = 0, retain_held_out_asked = 0;
  std::uint64_t destroyed_held_out = 0, held_out_known = 0;  ///< wrong now, of those that the target knows
  double extraction_strength_forget = kNone;                 ///< means over questions
  double gold_log_probability_forget = kNone, gold_log_probability_retain = kNone;  ///< nats a token
  double seconds = 0;                                                               ///< that looking took
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
};

/// What a question is to the choice of a point. The numbers are those of the results format.
enum class PointRole : std::uint8_t {
  none = 0,    ///< no rule asks it: a retain question that was trained on
  choose = 1,  ///< the point was chosen on it
  report = 2,  ///< it had no say: what is said of the chosen point is said on these
};

struct TrajectoryRecord {
  std::vector<TrajectoryPoint> points;       ///< P, by step; empty: nobody looked
  std::vector<std::uint8_t> is_right;        ///< P x Q, row-major
  std::vector<double> gold_log_probability;  ///< P x Q: mean over the gold answer's tokens, nats a token
  std::vector<double> extraction_strength;   ///< P x Q
  std::vector<std::uint8_t> role;            ///< Q, a PointRole
  std::string rule;                          ///< unlearn.select; empty: nobody looked
  std::string why;                           ///< in words
  std::int64_t selected = 0;                 ///< the step whose model the cell is about; 0: nobody looked
};

/// An evaluation of theta(share) = share * target + (1 - share) * unlearned, on questions with PointRole::choose.
struct MixPoint {
  double share = 0;
  std::uint64_t retain_right = 0, retain_asked = 0;  ///< held out
  std::uint64_t forget_right = 0, forget_asked = 0;
};

struct MixRecord {
  std::vector<MixPoint> points;  ///< in the order in which they were tried; empty: nothing was mixed
  double share = 0;              ///< that the cell's model has of the target
  double keep = 0;               ///< share of the target's right answers that was asked for
  std::uint64_t target_right = 0;
};

}  // namespace unpact
