#pragma once
/// All that an evaluation can be told.
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/evaluation/judge.hpp"
#include "unpact/evaluation/metric.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/results/contribution.hpp"

namespace unpact {

/// Whose KeyTokens the focus shift compares and FocusOnKey names: those of each model's own answer, or of the gold answer.
/// Both are always stored.
enum class FocusOf : std::uint8_t { own, gold };
UNPACT_ENUMERATION(FocusOf, "own", "gold");

/// What thresholds are searched for; automatic: labels where the dataset has them.
enum class TuneObjective : std::uint8_t { automatic, labels, effect };
UNPACT_ENUMERATION(TuneObjective, "auto", "labels", "effect");

struct AttributionOptions {
  std::string method = kLeaveOneOut;  ///< attribution_methods()
  AttributionSettings settings;       ///< of the method
  bool score_end = true;              ///< leave_one_out: the end of the answer, too
  std::int64_t save_every = 64;       ///< prompts whose results are stored together while a job runs
  bool tune = false;                  ///< attribute: search alpha and beta instead
  TuneObjective tune_objective = TuneObjective::automatic;
  std::string tune_alphas = "0:0.6:0.02", tune_betas = "0:1:0.04";  ///< from:to:step, or a list
  KeyTokenOptions keys;
  FocusOf focus_of = FocusOf::own;
};

/// Whose KeyTokens the phrasings of probes name.
enum class KeysOf : std::uint8_t { target, unlearned };
UNPACT_ENUMERATION(KeysOf, "target", "unlearned");

struct ProbeOptions {
  std::string suite;  ///< choice file that says what to use
  std::string use =
      "focus_on_key, probab, no_focus, wrong_focus";  ///< names of probe_table(), in the order of the results; empty: none
  std::string phrasings;                              ///< separated by |; empty: the five built-in ones
  KeysOf keys_of = KeysOf::target;
  bool arms = true;          ///< put every probe's questions to the target, too, and to the floor model where there is one
  double temperature = 1.0;  ///< of samples
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
  MetricOptions metric;
};

}  // namespace unpact
