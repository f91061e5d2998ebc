#pragma once
/// Models and data as the configuration asks for them.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "unpact/options/configuration.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/campaign/while_busy.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {

/// What the finetune options select of a dataset, as training examples. @throws UserError as fit_context.
std::vector<Example> finetune_examples(const Configuration& configuration, const Dataset& dataset,
                                       const Tokenizer& tokenizer, const PromptTemplate& prompt_template,
                                       const ContextLimit& limit);

/// Whether a campaign makes the target itself, by fine-tuning.
bool makes_target(const ModelOptions& model);

/// Whether `folder` holds the target of this target_fingerprint().
bool is_made(const std::filesystem::path& folder, const std::string& fingerprint);

/// Trains the SentencePiece vocabulary of a model that brings no tokenizer, on everything of the dataset, into `folder`.
void train_tokenizer(const Configuration& configuration, const Dataset& dataset, const std::filesystem::path& folder);

/// The config of random weights: that of model.config, fitted to the tokenizer. @param tokenizer null: one of
/// model.vocabulary_size pieces is trained first. @throws UserError without model.config.
ModelConfig starting_config(const ModelOptions& model, const Tokenizer* tokenizer);

/// The model that the configuration names, mapped (map_alike). With model.make_target (or without model.path) it is first
/// fine-tuned by all ranks and saved in `folder`; a folder that was made by the same configuration is used as it is, and one
/// that another job makes is waited for (see make_once). Collective over the session's world.
/// @throws UserError as map_alike, and where model.config_checksum is another.
LanguageModel prepare_target(const Session& session, const Configuration& configuration, const Dataset& dataset,
                             const std::filesystem::path& folder, Claims* claims = nullptr,
                             WhileBusy while_busy = WhileBusy::wait);

/// The same, as it answers (open_to_answer).
LanguageModel prepare_model(const Session& session, const Configuration& configuration, const Dataset& dataset,
                            const std::filesystem::path& folder, Claims* claims = nullptr);

/// @throws UserError for a folder whose model answers by two models (whp): no training can start from it.
void require_one_model(const std::filesystem::path& folder);

/// A model that is only trained: its weights are views of mapped files where a training cuts them up (all of [train] but
/// shard = none), else in memory, in fp32. Its checksums are taken. Collective over the session's world.
/// @throws UserError as require_one_model, and when ranks read different contents.
/// @param options get the device to train on, and rank 0 as the only one that needs the result.
LanguageModel load_to_train(const Session& session, const Configuration& configuration, TrainOptions& options);

/// @throws UserError for options of [train] that this device has no use for.
void check_training_device(const TrainExecution& execution, const c10::Device& device);
/// The same for a device of this compute_capability(), which need not be here.
void check_training_device(const TrainExecution& execution, const c10::Device& device, int capability);

/// Where in run.output a training's result goes: "model", or "adapter" with train.lora_result = adapter.
std::string result_folder(const Configuration& configuration);

/// Fine-tunes (from model.path or random weights) and saves into `folder`, in the dtype of what it started from (random
/// weights: float32). Collective over the world.
void finetune_into(const Session& session, const Configuration& configuration, const Dataset& dataset,
                   const std::filesystem::path& folder);

}  // namespace unpact
