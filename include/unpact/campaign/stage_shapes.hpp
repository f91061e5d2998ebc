#pragma once
/// What a configuration's stages are made of, as their memory is planned (train/stage_memory.hpp).
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <vector>

#include "unpact/options/configuration.hpp"
#include "unpact/train/stage_memory.hpp"

namespace unpact {

/// What a rank holds of the target beside the pieces that train.
TargetInMemory target_in_memory(const Configuration& configuration);

/// @param bytes a number of the models that answer. @param asked tokens of the longest prompt with its answer, of
/// `questions` that there are; 0: unknown.
ScoringShape scoring_shape(const Configuration& configuration, double bytes, std::int64_t asked, std::int64_t questions);

/// How many ranks a model that answers is cut over: as model.replica says; auto: all of `ranks` where a whole one of `shape`
/// does not fit and attribution.method can do without it, else 1. @param room bytes that a rank has; 0: unknown, and enough.
int shards_to_ask(const Configuration& configuration, const ModelConfig& config, const ScoringShape& shape, int ranks,
                  double room);

/// The shape with all its models, a judge's among them, cut over so many ranks.
ScoringShape cut(const Configuration& configuration, ScoringShape shape, int shards);

/// What the weights that trainings start from are stored in; float32 where there are none yet.
c10::ScalarType stored_to_train(const Configuration& configuration);

/// The unlearning of a cell. @param ranks of a cell's group. @param longest tokens of the longest example.
/// @throws UserError for options of the method that do not fit the model.
TrainingShape unlearning_shape(const Configuration& configuration, const ModelConfig& config, int ranks,
                               std::int64_t longest, const c10::Device& device);

/// Asking a model of its own on the way (unlearn.save_points), beside the training. @param cell its stages (cell_stages).
StageMemory looking_stage(const std::vector<StageMemory>& cell);

inline constexpr const char* kRelearnStage = "relearn";

/// A training by the probe relearn, beside the model that is probed. On shards every rank holds that model in host memory to
/// cut its pieces from. @param scoring how models are asked then. @param longest tokens of the longest example.
StageMemory relearning_stage(const Configuration& configuration, const ModelConfig& config, const ScoringShape& scoring,
                             int ranks, std::int64_t longest, const c10::Device& device);

/// The fine-tuning of the target, which all ranks of a job share.
TrainingShape finetuning_shape(const Configuration& configuration, int ranks, std::int64_t longest,
                               const c10::Device& device);

}  // namespace unpact
