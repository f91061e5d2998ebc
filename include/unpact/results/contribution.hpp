#pragma once
/// Contributions of prompt tokens to answers.
///
/// Legend: Q = questions, n = candidate tokens of a question, T = tokens of an answer.
#include <cstdint>
#include <vector>

#include "unpact/results/ragged.hpp"

namespace unpact {

/// The attribution that is the definition itself: the default, and that of files which name none (before version 1.1).
inline constexpr const char* kLeaveOneOut = "leave_one_out";

/// Contributions of the candidates to one answer of each question.
struct ContributionRecord {
  Ragged<std::int32_t> answer_ids;      ///< Q x T
  Ragged<float> log_probabilities;      ///< Q x ((n+1) * T), row-major; the unablated prompt first, nats; empty rows
                                        ///< for methods other than leave-one-out
  Ragged<float> end_log_probabilities;  ///< Q x (n+1): the matrix's column for the end token behind the answer; empty rows
                                        ///< where it was not scored, no rows in files before version 1.8
  Ragged<float> contributions;          ///< Q x n, nats per answer token (attention rollout: shares)
  Ragged<float> standard_errors;        ///< Q x n, or empty rows for methods without
  Ragged<std::uint8_t> is_key_token;    ///< Q x n
  Ragged<std::uint8_t> is_uncertain;    ///< Q x n: noise could turn the verdict
  std::vector<double> mean_log_probability;  ///< Q, of the whole prompt, nats per answer token; NaN where not attributed
  std::vector<double> completeness_error;    ///< Q, integrated gradients; else NaN
  std::vector<double> surrogate_r2;          ///< Q, LIME; else NaN
};

}  // namespace unpact
