#pragma once
/// Every attribution behind one interface: a score for each candidate token of a prompt, with the sign of the
/// contribution C (positive: the token supports the answer). docs/attribution.md has all formulas.
///
/// Legend: n candidates, T answer tokens, LP = mean log-probability of the answer, nats per answer token.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Options of the methods beside leave-one-out; each names the methods that heed it.
struct AttributionSettings {
  std::string baseline = "auto";      ///< baseline, integrated_gradients: auto, an id; integrated_gradients also zero
  std::int64_t steps = 50;            ///< integrated_gradients: points of the integral
  std::int64_t permutations = 32;     ///< shapley: orders, half of them the other half reversed
  std::int64_t samples = 64;          ///< lime: random masks
  double keep_probability = 0.5;      ///< lime: of a candidate in a mask
  std::string surrogate = "lasso";    ///< lime: lasso or ridge
  double penalty = 0.01;              ///< lime: of the coefficients
  std::int64_t keep_sentences = 2;    ///< hierarchical: sentences whose words are taken out one by one
  std::int64_t keep_words = 4;        ///< hierarchical: words whose tokens are
};

/// What a method says of one prompt and answer.
struct Attribution {
  std::vector<float> values;           ///< n; nats per answer token, attention rollout: a share
  /// n, or empty where the method has none; NaN where it cannot be estimated. hierarchical: 0 for a token that was taken
  /// out alone, NaN for one that carries a share of its word's or sentence's contribution.
  std::vector<float> standard_errors;
  double mean_log_probability = std::numeric_limits<double>::quiet_NaN();  ///< LP of the whole prompt
  /// Integrated gradients: sum of the values - (LP of the prompt - LP of the baseline prompt); else NaN.
  double completeness_error = std::numeric_limits<double>::quiet_NaN();
  /// lime: share of the variance of LP over the masks that the surrogate explains; else NaN.
  double surrogate_r2 = std::numeric_limits<double>::quiet_NaN();
  std::vector<float> log_probabilities;  ///< leave_one_out: the (n+1) x T matrix; else empty
  AttributionWork work;
};

/// A leave-one-out result as any other method's.
Attribution attribution_of(AttributionResult removed);

class AttributionMethod {
 public:
  virtual ~AttributionMethod() = default;
  /// Of leave-one-out: its engine, which may share the work of one prompt; else null.
  virtual const LeaveOneOutEngine* engine() const { return nullptr; }
  /// @param item number of the question in the whole job: random numbers depend on the seed and on it alone.
  /// @throws UserError for a task without meaning (as LeaveOneOutEngine), RuntimeFailure for values that are not finite.
  virtual Attribution run(const Transformer& model, const AttributionTask& task, std::uint64_t item) const = 0;
};

/// leave_one_out, hierarchical, in_place_mask, baseline, gradient_x_input, integrated_gradients, shapley, lime, rollout.
const std::vector<std::string>& attribution_methods();

/// What makes a method's values inexact where others of the same name would be exact: of hierarchical; else empty.
std::string inexactness_of(const std::string& method);

/// Whether a method's values are nats per answer token; attention rollout's are shares of attention.
bool is_in_nats(const std::string& method);

/// @throws UserError naming the option, for an unknown method or a setting out of range.
void check_attribution_settings(const std::string& method, const AttributionSettings& settings);

/// The settings that a method heeds, as text, by name; the baseline with its id.
std::map<std::string, std::string> used_settings(const std::string& method, const AttributionSettings& settings,
                                                 const std::string& engine, const Tokenizer& tokenizer);

/// @param engine of leave_one_out. @param token_budget tokens that run at once; 0: leave_one_out's own choice, 4096 for
/// the others. @param tokenizer for the baseline `auto`. @throws UserError.
std::unique_ptr<AttributionMethod> make_attribution_method(const std::string& method, const AttributionSettings& settings,
                                                           const std::string& engine, std::size_t token_budget,
                                                           std::uint64_t seed, const Tokenizer& tokenizer);

/// The id that says nothing: the tokenizer's unknown token, else its padding token, else EOS.
/// @throws UserError when there is none of the three.
TokenId default_baseline_id(const Tokenizer& tokenizer);

}  // namespace unpact
