#pragma once
/// Contributions by exact removal: C(x_i, y) = LP(x, y) - LP(x without x_i, y), where removing takes the id out of the
/// sequence and re-indexes every later position (design 2.1).
///
/// Legend: n candidates, T answer tokens, B removals of a wave, S recomputed positions, P shared prefix positions.
#include <cstdint>
#include <memory>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// What is asked: remove each candidate of the prompt once and score the answer.
struct AttributionTask {
  std::vector<TokenId> prompt;
  std::size_t candidate_begin = 0, candidate_end = 0;  ///< token range of the prompt
  std::vector<TokenId> answer;
  std::size_t candidates() const { return candidate_end - candidate_begin; }
};

/// What it cost. `positions_naive` is what one full pass per removal would have run.
struct AttributionWork {
  std::uint64_t positions = 0, positions_naive = 0, model_calls = 0, logit_rows = 0;
  AttributionWork& operator+=(const AttributionWork& other);
};

/// (n+1) x T log-probabilities, row-major, the unablated prompt first; nats.
struct AttributionResult {
  std::size_t candidates = 0, answer_tokens = 0;
  std::vector<float> log_probabilities;
  AttributionWork work;

  /// C of every candidate, nats per answer token; recomputable from the matrix alone.
  std::vector<float> contributions() const;
  /// LP(x, y).
  double mean_log_probability() const;
};

/// Computes one task at a time. @throws UserError for an empty answer, no candidates, a prompt of one token alone, or
/// a sequence longer than the context; RuntimeFailure when a log-probability is not finite.
class LeaveOneOutEngine {
 public:
  virtual ~LeaveOneOutEngine() = default;
  virtual AttributionResult run(const Transformer& model, const AttributionTask& task) const = 0;
};

/// One full forward pass per removal: the definition, and the oracle of every other engine.
class ReferenceEngine : public LeaveOneOutEngine {
 public:
  AttributionResult run(const Transformer& model, const AttributionTask& task) const override;
};

/// Runs the unablated sequence once and keeps its keys and values. A removal leaves the positions before it untouched,
/// so only those behind it run again. Removals are taken in waves of neighbours under a token budget; a wave
/// recomputes from its earliest removal on, so its sequences are equally long and nothing is padded.
class SharedPrefixEngine : public LeaveOneOutEngine {
 public:
  explicit SharedPrefixEngine(std::size_t token_budget = 4096) : token_budget_(token_budget) {}
  AttributionResult run(const Transformer& model, const AttributionTask& task) const override;

 private:
  std::size_t token_budget_;
};

/// @param name "shared_prefix" or "reference". @throws UserError for another name.
std::unique_ptr<LeaveOneOutEngine> make_engine(const std::string& name, std::size_t token_budget);

/// Positions that one full pass per removal runs: (N+T-1) + n (N-1 + T-1), N prompt tokens.
std::uint64_t naive_positions(const AttributionTask& task);

/// The largest change of LP when the same prompt is scored alone and at other places of a batch: what a contribution
/// must exceed to mean anything, in nats per answer token.
double measure_noise_floor(const Transformer& model, const AttributionTask& task);

}  // namespace unpact
