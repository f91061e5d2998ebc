#pragma once
/// All that an evaluation can be told.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/inference/generation.hpp"

namespace unpact {

struct AttributionOptions {
  std::string method = "leave_one_out";  ///< attribution_methods()
  AttributionSettings settings;          ///< of the other methods
  std::int64_t save_every = 64;          ///< prompts whose results are stored together while a job runs
  bool tune = false;                     ///< attribute: search alpha and beta instead
  std::string tune_objective = "auto";   ///< labels, effect; auto: labels where the dataset has them
  std::string tune_alphas = "0:0.6:0.02", tune_betas = "0:1:0.04";  ///< from:to:step, or a list
  std::string engine = "shared_prefix";
  std::int64_t token_budget = 0;  ///< rows of a pass; 0: chosen_token_budget()
  std::string unit = "token";      ///< what leave-one-out takes out at once: token, word or sentence
  std::int64_t verify = 0;         ///< questions that are attributed once more by the reference engine in float32
  KeyTokenOptions keys;
  /// Whose KeyTokens the focus shift compares and FocusOnKey names: those behind each model's own answer, or behind the
  /// gold answer. Both are always stored.
  std::string focus_of = "own";
};

struct ProbeOptions {
  std::string use = "focus_on_key, probab";  ///< names of probe_table(), in the order of the results; empty: none
  std::string phrasings;            ///< separated by |; empty: the five built-in ones
  std::string keys_of = "target";   ///< whose KeyTokens the phrasings name: target or unlearned
  double temperature = 1.0;         ///< of samples
  double top_p = 1.0;
  std::vector<std::string> resolve_phrasings() const;
  /// m: the attempts that every probe has on a question, one a phrasing.
  std::size_t budget() const { return resolve_phrasings().size(); }
};

struct EvaluationOptions {
  GenerationOptions generation;
  AttributionOptions attribution;
  JudgeOptions judge;
  ProbeOptions probe;
  std::uint64_t seed = 0;  ///< of attributions that draw random numbers
};

}  // namespace unpact
