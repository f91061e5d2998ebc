#include "unpact/model/language_model.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/model/checkpoint.hpp"

namespace unpact {

std::string LanguageModel::text_of(const std::vector<TokenId>& generated) const {
  // Models pad their vocabulary to a round number; a wrecked model may well produce such an id.
  auto known = generated;
  std::erase_if(known, [&](TokenId id) { return id >= tokenizer->vocabulary_size(); });
  return readable_answer(*tokenizer, prompt_template, known);
}

void check_vocabulary(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& where) {
  UNPACT_VALIDATE(tokenizer.vocabulary_size() <= config.vocabulary_size, concat(where, ": tokenizer and model disagree"),
                  concat("the tokenizer has ", tokenizer.vocabulary_size(), " tokens, the model only ", config.vocabulary_size),
                  "put the tokenizer files that belong to this checkpoint into its folder");
  const auto bos = tokenizer.bos_id();
  UNPACT_VALIDATE(config.bos_id < 0 || !bos || *bos == config.bos_id, concat(where, ": tokenizer and model disagree"),
                  concat("BOS is ", bos.value_or(-1), " for the tokenizer and ", config.bos_id, " for the model"),
                  "put the tokenizer files that belong to this checkpoint into its folder");
}

LanguageModel load_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template,
                                  const c10::Device& device) {
  const auto config = read_model_config(folder);
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(folder);
  check_vocabulary(config, *tokenizer, folder.string());
  return {Transformer(config, load_weights(config, folder, device)), std::move(tokenizer), prompt_template, folder};
}

}  // namespace unpact
