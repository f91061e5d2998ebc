#pragma once
/// What a model thought before it answered, and whether its answers rest on the question or on the trace.
///
/// Legend: Q = questions, t = tokens of a trace, T = tokens of an answer.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/results/ragged.hpp"

namespace unpact {

/// Contributions of a trace's tokens to the answer behind it, the trace being a part of the prompt.
struct TraceContributions {
  Ragged<std::int32_t> token_ids;   ///< Q x t
  Ragged<float> log_probabilities;  ///< Q x (t * T), row-major: each removal of a token of the trace, nats
  Ragged<float> contributions;      ///< Q x t, nats per answer token
  std::vector<double> trace_share;  ///< Q: the trace's part of all positive contributions, the question's is the rest;
                                    ///< NaN where there are none
};

/// The names of rates of traces, judged in the answers' place, begin with this.
inline constexpr const char* kTracePrefix = "trace_";
/// Forgotten questions whose trace says the gold answer though the answer does not.
inline constexpr const char* kTraceLeak = "trace_leak";

/// Of one model. No rows where it does not think, and in files before version 1.10.
struct ThoughtRecord {
  std::vector<std::string> trace;      ///< Q, in front of its greedy answer
  std::vector<std::uint8_t> forced;    ///< Q: it did not end by itself and was closed at the limit
  std::vector<double> score;           ///< Q, the judge's score of the trace in the answer's place
  std::vector<std::uint8_t> is_right;  ///< Q: the trace says the gold answer
  TraceContributions gold, own;        ///< gold answer behind the gold trace, own answer behind the own one
};

}  // namespace unpact
