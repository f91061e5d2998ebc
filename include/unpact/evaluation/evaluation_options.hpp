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

/// What a model that has forgotten is taught again (probe relearn).
enum class RelearnData : std::uint8_t {
  forget_part,  ///< a part of the forget set, of which the rest is asked
  retain,       ///< the retain set
  file,         ///< questions that somebody wrote
};
UNPACT_ENUMERATION(RelearnData, "forget_part", "retain", "file");

/// A short fine-tuning with AdamW and a constant learning rate; docs/probes.md has the recipes of published work.
struct RelearnOptions {
  RelearnData data = RelearnData::forget_part;
  std::string file;                          ///< JSON lines of {question, answer}
  std::string file_checksum;                 ///< SHA-256 that it must have; empty: any
  double share = 0.5;                        ///< forget_part: of the forget questions that are taught
  std::string steps = "5, 10, 25, 50, 100";  ///< after which the model is asked
  double learning_rate = 1e-5, weight_decay = 0;
  std::int64_t batch_size = 4;  ///< examples a step, over all ranks
};

/// Vectors in front of the question, trained on half of the forget questions while the weights are frozen (probe
/// soft_prompt).
struct SoftPromptOptions {
  std::int64_t tokens = 8;
  std::string steps = "50, 100, 200";  ///< after which the model is asked
  double learning_rate = 1e-2;         ///< Adam's
  std::int64_t batch_size = 8;         ///< questions a step
};

/// Ascending positive step numbers. @throws UserError naming the option `key`.
std::vector<std::int64_t> read_steps(const std::string& text, const std::string& key);

struct ProbeOptions {
  std::string suite;  ///< choice file that says what to use
  std::string use =
      "focus_on_key, probab, no_focus, wrong_focus";  ///< names of probe_table(), in the order of the results; empty: none
  std::string phrasings;                              ///< separated by |; empty: the five built-in ones
  KeysOf keys_of = KeysOf::target;
  bool arms = true;          ///< put every probe's questions to the target, too, and to the floor model where there is one
  double temperature = 1.0;  ///< of samples
  double top_p = 1.0;
  RelearnOptions relearn;
  SoftPromptOptions soft_prompt;
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
