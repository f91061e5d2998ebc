#pragma once
/// Everything that a finished cell knows, as plain data. docs/results-format.md describes the file it becomes.
///
/// Legend: Q = questions (forget first, then retain), N = prompt tokens, n = candidate tokens of a question,
/// T = tokens of an answer, m = attempts of a probe.
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "unpact/results/work.hpp"

namespace unpact {

/// Rows of different length: row r is values[offsets[r] .. offsets[r+1]).
template <class T>
struct Ragged {
  std::vector<T> values;
  std::vector<std::uint64_t> offsets = {0};
  void add(const std::vector<T>& row) {
    values.insert(values.end(), row.begin(), row.end());
    offsets.push_back(values.size());
  }
  std::size_t rows() const { return offsets.size() - 1; }
  std::vector<T> row(std::size_t r) const {
    return {values.begin() + static_cast<std::ptrdiff_t>(offsets[r]), values.begin() + static_cast<std::ptrdiff_t>(offsets[r + 1])};
  }
};

enum class Split : std::uint8_t { forget = 0, retain = 1 };

/// Outcome of a question, from target f to unlearned model g.
enum class Outcome : std::uint8_t { unknown = 0, retained = 1, forgotten = 2, kept = 3, destroyed = 4 };

/// The questions and their prompts, the same for both models.
struct QuestionRecord {
  std::vector<std::uint8_t> split;                ///< Q, a Split
  std::vector<std::string> question, gold_answer; ///< Q
  std::vector<std::string> prompt;                ///< Q, the text with its template
  Ragged<std::int32_t> token_ids;                 ///< Q x N
  Ragged<std::uint8_t> is_candidate;              ///< Q x N
  std::vector<std::string> pieces;                ///< one a value of token_ids
};

/// Contributions of the candidates to one answer of each question.
struct ContributionRecord {
  Ragged<std::int32_t> answer_ids;     ///< Q x T
  Ragged<float> log_probabilities;     ///< Q x ((n+1) * T), row-major; the unablated prompt first, nats; empty rows
                                       ///< for methods other than leave-one-out
  Ragged<float> contributions;         ///< Q x n, nats per answer token (attention rollout: shares)
  Ragged<float> standard_errors;       ///< Q x n, or empty rows for methods without
  Ragged<std::uint8_t> is_key_token;   ///< Q x n
  Ragged<std::uint8_t> is_uncertain;   ///< Q x n: noise could turn the verdict
  std::vector<double> mean_log_probability;  ///< Q, of the whole prompt, nats per answer token; NaN where not attributed
  std::vector<double> completeness_error;    ///< Q, integrated gradients; else NaN
  std::vector<double> surrogate_r2;          ///< Q, LIME; else NaN
};

/// One model's answers and contributions.
struct ModelRecord {
  std::vector<std::string> answer;     ///< Q, greedy
  std::vector<double> score;           ///< Q, the judge's score
  std::vector<std::uint8_t> is_right;  ///< Q
  ContributionRecord gold, own;        ///< to the gold answer, to the model's own answer
};

/// Attempts of one probe on the forgotten questions (or on all, when asked for).
struct ProbeRecord {
  std::string name;                        ///< "focus_on_key" or "probab"
  std::vector<std::string> attempt_labels; ///< m: the phrasings, or the samples' names
  std::vector<std::uint64_t> question;     ///< P: index of each probed question
  std::vector<std::string> answer;         ///< P x m, row-major
  std::vector<double> score;               ///< P x m
  std::vector<std::uint8_t> is_right;      ///< P x m
};

/// A rate with its counts and 95 % Wilson interval. NaN value when total is 0.
struct RateRecord {
  std::string name;
  std::uint64_t count = 0, total = 0;
  double value = 0, low = 0, high = 0;
};

/// One optimizer step.
struct TrainingStep {
  std::int64_t step = 0;
  double loss = 0, forget_loss = 0, retain_loss = 0, gradient_norm = 0, learning_rate = 0;
  std::int64_t tokens = 0;  ///< targets in the step, over all ranks
};

struct FocusShiftRecord {
  std::vector<double> set_cosine;           ///< Q, NaN where both models have no KeyTokens
  std::vector<double> contribution_cosine;  ///< Q, over the union of KeyTokens; NaN where it is empty
};

/// The comment line in a resolved configuration below which nothing decides a number: where the inputs come from, whose
/// checksums count instead.
constexpr const char* kOriginsMark = "# Where the inputs come from. Their checksums decide, not what follows.";

struct Provenance {
  std::string started, ended;               ///< ISO 8601 UTC
  std::string resolved_configuration;       ///< INI text that --config takes; what decides numbers stands above kOriginsMark
  std::int64_t seed = 0, world_size = 1, group_size = 1;
  std::vector<std::string> devices;         ///< one a rank of the group
  std::string model_checksum, tokenizer_checksum;
  std::map<std::string, std::string> library_versions;
};

struct CellRecord {
  std::string id, model, dataset, method;
  Provenance provenance;
  QuestionRecord questions;
  ModelRecord target, unlearned;
  std::vector<std::uint8_t> outcome;  ///< Q, an Outcome
  FocusShiftRecord focus_shift;
  std::vector<ProbeRecord> probes;
  std::vector<RateRecord> rates;      ///< recovery of each probe, destruction, shares right before and after
  std::vector<TrainingStep> training;
  std::vector<WorkRecord> work;
  std::vector<VerificationRecord> verification;  ///< of each model that was checked
  std::string attribution_method = "leave_one_out";
  std::string contribution_unit = "nat/token";  ///< of contributions and their standard errors; for writing, never read
  std::map<std::string, std::string> attribution_settings;  ///< what the method heeds, by option name
  double alpha = 0, beta = 0;         ///< KeyToken floors
  double noise_floor = 0;             ///< largest change of LP between equal evaluations, nats per token
  std::string judge;                  ///< e.g. "rouge_l_recall >= 0.5"
};

}  // namespace unpact
