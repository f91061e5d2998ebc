#pragma once
/// A transformer with the tokenizer and the prompt template that belong to it.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "unpact/model/transformer.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct LanguageModel {
  Transformer transformer;
  std::shared_ptr<const Tokenizer> tokenizer;
  PromptTemplate prompt_template;
  std::filesystem::path folder;

  /// The answer that a person reads; ids that the vocabulary has only as padding are left out.
  std::string text_of(const std::vector<TokenId>& generated) const;
};

/// Loads a Hugging Face folder. Independent: each rank reads for itself.
/// @throws UserError also when the tokenizer knows more tokens than the model, or BOS of both disagrees.
LanguageModel load_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template,
                                  const c10::Device& device);

/// What stands against using a tokenizer with a model, a line each: ids that the model cannot embed, another BOS.
std::vector<std::string> vocabulary_disagreements(const ModelConfig& config, const Tokenizer& tokenizer);

/// Refuses a tokenizer that disagrees with the model. @throws UserError listing all disagreements.
void check_vocabulary(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& where);

}  // namespace unpact
