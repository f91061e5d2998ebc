#pragma once
/// Every attribution behind one interface: a score for each candidate token of a prompt, with the sign of the
/// contribution C (positive: the token supports the answer). docs/attribution.md has all formulas. What a method is, as
/// data, stands in one table (src/attribution/method_table.cpp).
///
/// Legend: n candidates, T answer tokens, LP = mean log-probability of the answer, nats per answer token.
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

enum class Surrogate : std::uint8_t { lasso, ridge };
UNPACT_ENUMERATION(Surrogate, "lasso", "ridge");

/// Options of the methods. Which method heeds which is a column of the method table.
struct AttributionSettings {
  EngineKind engine = EngineKind::shared_prefix;  ///< of leave-one-out
  std::int64_t token_budget =
      0;  ///< positions that run at once; 0: chosen_token_budget() for leave-one-out's engine, else 4096
  RemovalUnit unit = RemovalUnit::token;  ///< what leave-one-out takes out at once
  std::int64_t verify = 0;                ///< questions that are attributed once more by the reference engine in float32
  std::string baseline = "auto";          ///< auto, an id, or zero where the method takes the zero vector
  std::int64_t steps = 50;                ///< points of the integral
  std::int64_t permutations = 32;         ///< orders, half of them the other half reversed
  std::int64_t samples = 64;              ///< random masks
  double keep_probability = 0.5;          ///< of a candidate in a mask
  Surrogate surrogate = Surrogate::lasso;
  double penalty = 0.01;            ///< of the surrogate's coefficients
  std::int64_t keep_sentences = 2;  ///< sentences whose words are taken out one by one
  std::int64_t keep_words = 4;      ///< words whose tokens are
};

/// What a method says of one prompt and answer.
struct Attribution {
  std::vector<float> values;  ///< n; nats per answer token, attention rollout: a share
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

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values, self.standard_errors, self.mean_log_probability, self.completeness_error, self.surrogate_r2,
                    self.log_probabilities, self.work);
  }
};

/// A leave-one-out result as any other method's.
Attribution attribution_of(RemovalScores removed);

/// What a method is: its row of the table.
struct AttributionFacts {
  std::string name;
  std::string inexact = {};      ///< what makes its values inexact where others of the same name would be exact; else empty
  bool is_in_nats = true;        ///< nats per answer token, else shares of attention
  bool takes_two_models = true;  ///< right for models that answer by two (Transformer::contrast_with), too
  bool takes_shards = true;      ///< needs no backward pass, which models on shards (sharded_replica.hpp) do not have
  bool takes_encoders = false;   ///< right for encoder-decoder models, of whose prompt an encoder sees every token at once
  bool takes_remote = false;     ///< right for models that answer elsewhere: it asks for log-probabilities of ids alone
  bool takes_zero = false;       ///< its `baseline` may be the zero vector
  std::string removes = {};      ///< what it takes out where that are no token ids: of the prompt's text; else empty
  /// Forward passes over prompt and answer that it takes for n candidates, a backward pass counted as two; null: leave-one-out,
  /// whose engines reckon themselves (RemovalCost).
  double (*passes)(const AttributionSettings& settings, double candidates) = nullptr;
  std::vector<std::string> settings = {};  ///< names of the AttributionSettings that it heeds, beside token_budget
};

class AttributionMethod {
 public:
  virtual ~AttributionMethod() = default;
  /// @throws UserError for a model that the method cannot look into.
  void check_model(const Transformer& model) const;
  /// Of leave-one-out: its engine, which may share the work of one prompt; else null.
  virtual const LeaveOneOutEngine* engine() const { return nullptr; }
  /// @param item number of the question in the whole job: random numbers depend on the seed and on it alone.
  /// @throws UserError as check_model() and for a task without meaning (as LeaveOneOutEngine), RuntimeFailure for values
  /// that are not finite.
  Attribution run(const Transformer& model, const AttributionTask& task, std::uint64_t item) const;
  /// LP of some sequences, each scored in several ways that differ in rounding alone: as this method scores it, alone and
  /// beside others, and by full passes of its own. One row a sequence; the first is the prompt's.
  virtual std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const;

 protected:
  virtual Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t item) const = 0;

 private:
  friend std::unique_ptr<AttributionMethod> make_attribution_method(const std::string& method,
                                                                    const AttributionSettings& settings, std::uint64_t seed,
                                                                    const Tokenizer& tokenizer);
  const AttributionFacts* facts_ = nullptr;
};

/// leave_one_out, hierarchical, word_removal, in_place_mask, baseline, gradient_x_input, integrated_gradients, shapley, lime,
/// rollout.
const std::vector<std::string>& attribution_methods();

/// @throws UserError for an unknown method.
const AttributionFacts& facts_of(const std::string& method);

/// What makes a method's values inexact where others of the same name would be exact; else empty, also for a name that only
/// a file of another version has.
std::string inexactness_of(const std::string& method);

/// @throws UserError for a method that cannot look into a model on shards.
void check_takes_shards(const std::string& method);

/// What a method takes out of the prompt's text, where it takes out no token ids; else empty, also for an unknown name.
std::string text_removed_by(const std::string& method);

/// Whether a method's values are nats per answer token; attention rollout's are shares of attention.
bool is_in_nats(const std::string& method);

/// The unit of a method's values, as results files spell it.
std::string unit_of(const std::string& method);

/// @throws UserError naming the option, for an unknown method, a setting out of range, or one that the method does not
/// heed and that differs from its default.
void check_attribution_settings(const std::string& method, const AttributionSettings& settings);

/// The settings that a method heeds, as text, by name; the baseline with its id.
std::map<std::string, std::string> used_settings(const std::string& method, const AttributionSettings& settings,
                                                 const Tokenizer& tokenizer);

/// @param tokenizer for the baseline `auto`; word_removal keeps a reference to it. @throws UserError as
/// check_attribution_settings().
std::unique_ptr<AttributionMethod> make_attribution_method(const std::string& method, const AttributionSettings& settings,
                                                           std::uint64_t seed, const Tokenizer& tokenizer);

/// Leave-one-out by an engine of one's own.
std::unique_ptr<AttributionMethod> make_leave_one_out(std::unique_ptr<LeaveOneOutEngine> engine);

/// The id that says nothing: the tokenizer's unknown token, else its padding token, else EOS.
/// @throws UserError when there is none of the three.
TokenId default_baseline_id(const Tokenizer& tokenizer);

/// The largest difference between equal scores (AttributionMethod::equal_scores): what a contribution must exceed to mean
/// anything, in nats per answer token. @throws as AttributionMethod::run.
double measure_noise_floor(const AttributionMethod& method, const Transformer& model, const AttributionTask& task);

}  // namespace unpact
