#pragma once
/// A transformer with the tokenizer and the prompt template that belong to it.
#include <c10/core/ScalarType.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// SHA-256 of what a model was loaded from: weights_checksum() and config_checksum(), of both models where two answer.
struct ModelChecksums {
  std::string weights, config;
};

struct LanguageModel {
  Transformer transformer;
  std::shared_ptr<const Tokenizer> tokenizer;
  PromptTemplate prompt_template;
  std::filesystem::path folder;
  ModelChecksums checksums = {};                    ///< of the files that were read; empty: not taken
  c10::ScalarType stored = c10::ScalarType::Float;  ///< dtype of the files that it, or what it was made of, comes from

  /// The answer that a person reads; ids that the vocabulary has only as padding are left out.
  std::string text_of(const std::vector<TokenId>& generated) const;
};

/// Loads a Hugging Face folder. Independent: each rank reads for itself. Checksums are not taken.
/// @param dtype of the weights in memory (resolve_dtype).
/// @throws UserError also when the tokenizer knows more tokens than the model, or BOS of both disagrees.
LanguageModel load_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template,
                                  const c10::Device& device, c10::ScalarType dtype = c10::ScalarType::Float);

/// The model with weights of this dtype on this device, those of a second one that answers with it, too; weights that are so
/// already are shared.
Transformer converted(const Transformer& model, c10::ScalarType dtype, const c10::Device& device);

/// A model whose weights are views of its mapped files (map_weights): for trainings and comparisons, not for answers.
struct MappedModel {
  LanguageModel model;  ///< of its checksums, only that of the config is there
  /// ModelChecksums::weights of the files as they were mapped. Reads every byte.
  std::function<std::string()> weights_checksum;
};

/// Maps a Hugging Face folder. Independent: each rank for itself. @throws UserError as load_language_model, but for values,
/// which nobody has read.
MappedModel map_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template);

/// The same checksums of what lies in the folder now.
ModelChecksums model_checksums(const std::filesystem::path& folder);

/// What stands against using a tokenizer with a model, a line each: ids that the model cannot embed, but for special tokens
/// that no text comes to; another BOS, unless generation_config.json names it or the model's is an EOS.
std::vector<std::string> vocabulary_disagreements(const ModelConfig& config, const Tokenizer& tokenizer);

/// Refuses a second model that cannot answer with the first. @param folder of both, for the message.
void check_second_model(const ModelConfig& first, const ModelConfig& second, const std::filesystem::path& folder);

/// Refuses a tokenizer that disagrees with the model. @throws UserError listing all disagreements.
void check_vocabulary(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& where);

}  // namespace unpact
