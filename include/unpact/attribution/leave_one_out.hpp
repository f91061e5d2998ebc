#pragma once
/// Contributions by exact removal: C(x_i, y) = LP(x, y) - LP(x without x_i, y), where removing takes the ids out of the
/// sequence and re-indexes every later position (design 2.1). What is removed at once is a span of the prompt: one
/// token, or a word or sentence of several.
///
/// Legend: n removals, T answer tokens.
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "unpact/core/enumeration.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/results/work.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// What is asked: remove each candidate of the prompt once and score the answer.
struct AttributionTask {
  std::vector<TokenId> prompt;
  std::size_t candidate_begin = 0, candidate_end = 0;  ///< token range of the prompt
  std::vector<TokenId> answer;
  /// Where the candidates' words and sentences begin, and the end, as unit_bounds() gives them; heeded by `hierarchical`.
  /// Empty: every token counts as a word, all of them as one sentence.
  std::vector<std::size_t> word_bounds = {}, sentence_bounds = {};
  const Prompt* source = nullptr;  ///< whose text `word_removal` shortens; it must outlive the task. Null: there is no text
  std::size_t candidates() const { return candidate_end - candidate_begin; }
};

/// Tokens begin..end-1 of a prompt.
struct TokenSpan {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

/// The general question: remove each span once, and score several answers each time.
struct AttributionRequest {
  std::vector<TokenId> prompt;
  std::vector<TokenSpan> removals;  ///< ascending, none empty; they need not touch each other
  std::vector<std::vector<TokenId>> answers;
  AttributionRequest() = default;
  /// One removal a candidate, one answer.
  explicit AttributionRequest(const AttributionTask& task);
};

/// A prompt's own task, with its words and sentences. @param prompt must outlive it.
AttributionTask task_of(const Prompt& prompt, std::vector<TokenId> answer);

/// One span a candidate.
std::vector<TokenSpan> single_tokens(std::size_t begin, std::size_t end);

/// (n+1) x T log-probabilities, row-major, the unablated prompt first; nats.
struct RemovalScores {
  std::size_t candidates = 0, answer_tokens = 0;
  std::vector<float> log_probabilities;
  AttributionWork work;

  /// C of every removal, nats per answer token; recomputable from the matrix alone.
  std::vector<float> contributions() const;
  /// LP(x, y).
  double mean_log_probability() const;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.candidates, self.answer_tokens, self.log_probabilities, self.work);
  }
};

/// What a (n+1) x S matrix says of the first `answer_tokens` of its S targets: behind an answer its end may have been scored, too.
RemovalScores of_first_targets(const std::vector<float>& log_probabilities, std::size_t candidates,
                               std::size_t answer_tokens);

/// Consecutive rows of the (n+1) x T matrices that are computed together: row 0 is the unablated prompt, row i + 1
/// removal i. How a request is cut does not depend on who computes it, so neither do the numbers.
struct AttributionPart {
  std::size_t first_row = 0, last_row = 0;  ///< [first, last)
  std::uint64_t positions = 0;              ///< what it costs beside the positions in front of the removals
};

/// A part of a request, which must outlive it.
struct RequestedPart {
  const AttributionRequest* request = nullptr;
  AttributionPart part;
};

/// An engine at work on one model, whose weights must not change meanwhile. What requests have in common, such as
/// in-context examples in front of the question, may be kept from one to the next.
/// All calls: @throws UserError for an empty answer or none, no removals, a prompt of which nothing would remain, an
/// unknown id or a sequence longer than the context; RuntimeFailure when a log-probability is not finite.
class BoundEngine {
 public:
  virtual ~BoundEngine() = default;
  virtual std::vector<AttributionPart> parts(const AttributionRequest& request) const = 0;
  /// The same cut finer, into about `pieces` parts, as far as each is still worth a pass of its own: for calls with few
  /// requests, whose parts many ranks are to share.
  virtual std::vector<AttributionPart> finer_parts(const AttributionRequest& request, std::size_t pieces) const;
  /// One result an answer, holding the part's rows alone.
  virtual std::vector<RemovalScores> run_part(const AttributionRequest& request, const AttributionPart& part) = 0;
  /// How many parts, of any requests, it likes to be given at once: more than one where somebody else computes.
  virtual std::size_t parts_together() const { return 1; }
  /// run_part() of each.
  virtual std::vector<std::vector<RemovalScores>> run_parts(const std::vector<RequestedPart>& parts);
  /// All parts together: one result an answer. Work that answers share is counted for the first one.
  std::vector<RemovalScores> run(const AttributionRequest& request);
};

class LeaveOneOutEngine {
 public:
  virtual ~LeaveOneOutEngine() = default;
  /// @param model must outlive what is opened.
  virtual std::unique_ptr<BoundEngine> open(const Transformer& model) const = 0;
  /// Whether its numbers for this model come from the ReferenceEngine, so that comparing the two says nothing.
  virtual bool is_reference_for(const Transformer&) const { return false; }
  /// One task alone.
  RemovalScores run(const Transformer& model, const AttributionTask& task) const;
};

/// One full forward pass per removal: the definition, and the oracle of every other engine.
class ReferenceEngine : public LeaveOneOutEngine {
 public:
  std::unique_ptr<BoundEngine> open(const Transformer& model) const override;
  bool is_reference_for(const Transformer&) const override { return true; }
};

/// Runs the tokens in front of the removals once and keeps their keys and values; a removal leaves them untouched, so
/// only the positions behind it run again, many removals in one packed pass (packed_pass.hpp) under a token budget.
/// Several answers share the prompt's part of each removal; equal neighbours are scored once. The unablated prompt is
/// scored in the same passes as the removals, so that rounding hits both alike. All of this is exact.
/// A model of two (Transformer::contrast_with) is left to the ReferenceEngine. A model that answers elsewhere
/// (model/remote_model.hpp) is sent every removal whole, whichever engine is opened. Of an encoder-decoder model, whose encoder sees
/// a prompt from both ends, nothing can be kept: removals run many at once.
class SharedPrefixEngine : public LeaveOneOutEngine {
 public:
  /// @param token_budget rows of a pass, though never less than one removal; 0: chosen_token_budget().
  explicit SharedPrefixEngine(std::size_t token_budget = 0) : token_budget_(token_budget) {}
  std::unique_ptr<BoundEngine> open(const Transformer& model) const override;
  bool is_reference_for(const Transformer& model) const override;

 private:
  std::size_t token_budget_;
};

enum class EngineKind : std::uint8_t { shared_prefix, reference };
UNPACT_ENUMERATION(EngineKind, "shared_prefix", "reference");

/// @param token_budget of the shared-prefix engine.
std::unique_ptr<LeaveOneOutEngine> make_engine(EngineKind kind, std::size_t token_budget);

/// What a request costs: its counters as the engine will report them on one rank that runs it as one part, and floating-point
/// operations, the head's rows included (model/operation_count.hpp).
struct RemovalCost {
  AttributionWork work;
  double operations = 0;
};

/// By the shared-prefix engine. No token of the answers is looked at, only how many there are.
/// @param context_is_there the tokens in front of the removals ran for an earlier request already.
RemovalCost cost_of_removals(const ModelConfig& config, const AttributionRequest& request, bool context_is_there);

/// By the ReferenceEngine.
RemovalCost cost_by_definition(const ModelConfig& config, const AttributionRequest& request);

/// Tokens in front of the removals that requests share; 0: too few to be kept.
std::size_t shared_context(const AttributionRequest& request);

/// Rows that a pass may have: a quarter of the memory that is free (CUDA), or a sixteenth of what the machine has
/// available (CPU, where ranks share it), divided by PackedPass::bytes_a_row; at most 32768 (CUDA) or 4096 (CPU), beyond
/// which nothing becomes faster. @throws UserError when less than 16 rows fit.
std::size_t chosen_token_budget(const Transformer& model);

/// Positions that one full pass per removal runs for one answer: the sum of all sequences' lengths, each without its
/// last token; (N+T-1) + n (N-1 + T-1) for single tokens, N prompt tokens.
std::uint64_t naive_positions(const AttributionRequest& request, std::size_t answer);
std::uint64_t naive_positions(const AttributionTask& task);

}  // namespace unpact
