#pragma once
/// Operations of a cell's stages, reckoned from real prompts and examples (docs/planning.md has the formulas and what is
/// assumed of what only a run can tell).
#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/results/planned_stage.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// A model that is asked questions.
struct AskedModel {
  const ModelConfig& config;
  const Tokenizer& tokenizer;
  const PromptTemplate& prompt_template;
  const std::vector<AskedQuestion>& questions;
  const EvaluationOptions& options;
  bool is_two = false;   ///< it answers by two models
  bool rambles = false;  ///< hours are reckoned with answers as long as they may be; else as long as the gold ones
};

/// Answers to all questions.
PlannedStage answers_cost(const AskedModel& asked, const std::string& stage);

/// A judge's model, asked about answers whose rightness is known; nothing where no judge asks one.
PlannedStages known_answers_cost(const AskedModel& asked);

/// Contributions to gold and own answers: own ones as long as in answers_cost(), at least those to the gold answers alone.
PlannedStage attribution_cost(const AskedModel& asked, const std::string& stage);

/// A stage a probe, at least nothing: as if every question of the forget set were forgotten.
/// @param prefix of the stages' names; "ceiling_" and "floor_": of the arms, which are asked questions of both sets;
/// "retain_": of the unlearned model, which is asked those of the retain set, without controls.
PlannedStages probe_costs(const AskedModel& asked, const std::string& prefix = "probe_");

/// The training of the probe soft_prompt.
PlannedStage soft_prompt_cost(const AskedModel& asked);

/// The exchange of states of evaluation.depth.
PlannedStage depth_cost(const AskedModel& asked, const std::string& stage);

/// Prompts that the model goes on with, by a number of tokens at most, answered in pages as asked.options say.
PlannedStage continuation_cost(const AskedModel& asked, const std::vector<std::vector<TokenId>>& prompts,
                               std::int64_t new_tokens);

/// Operations of the tokens of given answers, scored together by one model (inference/answer_rows.hpp) or, each sequence
/// whole, by two.
double scored_cost(const AskedModel& asked, const std::vector<PromptAnswer>& items);

/// What the metrics ask for; nothing where there are none.
PlannedStages metrics_cost(const AskedModel& asked, const Dataset& dataset, const std::string& stage);

/// A training on these examples by cross-entropy with all weights.
PlannedStage finetuning_cost(const ModelConfig& config, const TrainOptions& options, const std::vector<Example>& examples,
                             const std::string& stage);

/// An unlearning, with what the frozen model is asked.
PlannedStage unlearning_cost(const ModelConfig& config, const MethodOptions& method, const TrainOptions& options,
                             const UnlearnData& data);

}  // namespace unpact
