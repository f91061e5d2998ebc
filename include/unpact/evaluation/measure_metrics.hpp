#pragma once
/// Metrics of a model, into a cell's record.
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {

/// Sequences whose answers' tokens are scored together.
struct ScoredPart {
  std::string name;
  std::vector<PromptAnswer> items;
  std::size_t chunk = 1;  ///< pages hold whole runs of so many items
};

/// Prompts that the model goes on with, greedily.
struct ContinuedPart {
  std::string name;
  std::vector<std::vector<TokenId>> prompts;
  std::int64_t new_tokens = 0;
};

/// All that the chosen metrics ask of one model, of which `gold`, `alternatives` and so on are the names. Plans reckon with
/// the same (campaign/stage_costs.hpp).
struct MetricWork {
  std::vector<ScoredPart> scored;
  std::vector<ContinuedPart> continued;
  std::vector<ScoredPart> differentiated;  ///< of whose loss the gradient by every weight is taken, one after the other
  ScoredPart by_target;                    ///< own answers that the target scores: gold ones stand in until they are there
};

/// Of sequences that are as long as questions with answers.
inline constexpr std::size_t kSequencesTogether = 32;

/// Items of a page of about `save_every` that is cut as `chunk` cuts.
inline std::size_t page_of_chunks(std::size_t save_every, std::size_t chunk) {
  return (save_every + chunk - 1) / chunk * chunk;
}

/// What the chosen metrics are computed from, beside a model.
struct MetricTask {
  const Dataset& dataset;
  const std::vector<AskedQuestion>& questions;
  const EvaluationOptions& options;
};

/// @throws UserError as chosen_metrics(), for a text without tokens, and for passages that the model cannot go on with.
MetricWork metric_work(const MetricTask& task, const ModelConfig& config, const Tokenizer& tokenizer,
                       const PromptTemplate& prompt_template);

/// Tokens of the longest sequence in it, with what is written behind a prompt.
std::int64_t longest_sequence(const MetricWork& work);

/// Fills the record's metrics for its target, whose answers are there; what needs no other model. Appends the stage
/// `target_metrics` to the record's work. Collective over `group`; the same on every rank, for any number of ranks.
/// @throws UserError as chosen_metrics(), before anything is asked.
void measure_target(const Communicator& group, const LanguageModel& target, const MetricTask& task, FinishedPages* pages,
                    CellRecord& record);

/// The same for the unlearned model of a record whose metrics of the target are there, with the metrics of both that are
/// reckoned beside those of a retrained model. @param retrained the record whose target that is; null: none. @param target
/// that scores the answers (names_metric_that(..., target_model)); null: it is not needed. @throws UserError where the
/// retrained model was asked other questions or has another tokenizer.
void measure_unlearned(const Communicator& group, const LanguageModel& unlearned, const MetricTask& task,
                       FinishedPages* pages, const CellRecord* retrained, CellRecord& record,
                       const LanguageModel* target = nullptr);

}  // namespace unpact
