#pragma once
/// A transformer with the tokenizer and the prompt template that belong to it.
#include <filesystem>
#include <memory>
#include <string>

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
/// @throws UserError also when the tokenizer knows more tokens than the model, or BOS/EOS of both disagree.
LanguageModel load_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template,
                                  const c10::Device& device);

/// Refuses a tokenizer whose ids the model cannot embed.
void check_vocabulary(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& where);

}  // namespace unpact
