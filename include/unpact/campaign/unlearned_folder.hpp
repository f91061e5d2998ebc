#pragma once
/// Unlearned models on the disk: a checkpoint with unlearning.json beside its weights, which says how it was made.
#include <filesystem>

#include "unpact/checkpoint/weights.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

/// A model that answers as the method's result does: with one set of weights, or with two (whp).
LanguageModel unlearned_model(const LanguageModel& target, UnlearnResult result, const MethodOptions& method);

/// Writes the checkpoint, in the dtype of the target's files, and unlearning.json: {"method": name, "options": {"method.forget": "npo", ...},
/// "target_sha256": checksum of the target's weights}. Called by one rank.
void save_unlearned(const std::filesystem::path& folder, const LanguageModel& unlearned, const Configuration& configuration,
                    const std::string& target_checksum);

/// What a training with adapters gave.
struct TrainedAdapters {
  const TrainOptions& options;
  const NamedTensors& tensors;
};

/// The same of an adapter folder (train.lora_result = adapter) that belongs to the target's folder. Called by one rank.
void save_unlearned_adapter(const std::filesystem::path& folder, const LanguageModel& target,
                            const TrainedAdapters& adapters, const Configuration& configuration,
                            const std::string& target_checksum);

/// Fills in how evaluate.unlearned was made, as far as its folder says and the configuration does not: method.name and the
/// options of [method] and [unlearn]; without unlearning.json the name is "unlearned". Sets evaluate.checksum and
/// evaluate.config_checksum. @param read what was loaded from there.
/// @throws UserError for a broken file, or when one of these was given and is another.
void describe_unlearned(Configuration& configuration, const ModelChecksums& read);

}  // namespace unpact
