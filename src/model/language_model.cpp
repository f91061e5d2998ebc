#include "unpact/model/language_model.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/mapped_weights.hpp"

namespace unpact {

std::string LanguageModel::text_of(const std::vector<TokenId>& generated) const {
  // Models pad their vocabulary to a round number; a wrecked model may well produce such an id.
  auto known = generated;
  std::erase_if(known, [&](TokenId id) { return id >= tokenizer->vocabulary_size(); });
  return readable_answer(*tokenizer, prompt_template, known);
}

namespace {

/// Whether every token that the model has no row for is a special one by name, which no plain text comes to ([PAD], say).
bool only_specials_beyond(const ModelConfig& config, const Tokenizer& tokenizer) {
  std::int64_t beyond = 0;
  for (const auto& [id, name] : tokenizer.special_tokens()) beyond += id >= config.vocabulary_size ? 1 : 0;
  const auto bos = tokenizer.bos_id(), eos = tokenizer.eos_id();
  return beyond == tokenizer.vocabulary_size() - config.vocabulary_size && (!bos || *bos < config.vocabulary_size) &&
         (!eos || *eos < config.vocabulary_size);
}

/// config.json may name as BOS what ends texts, with the tokenizer's own in generation_config.json: as
/// DeepSeek-R1-Distill-Qwen is published.
bool bos_is_explained(const ModelConfig& config, TokenId bos) {
  const auto& generation = config.original_generation;
  if (generation.is_object() && generation.value("bos_token_id", Json()) == Json(bos)) return true;
  return std::find(config.eos_ids.begin(), config.eos_ids.end(), config.bos_id) != config.eos_ids.end();
}

}  // namespace

std::vector<std::string> vocabulary_disagreements(const ModelConfig& config, const Tokenizer& tokenizer) {
  std::vector<std::string> faults;
  if (tokenizer.vocabulary_size() > config.vocabulary_size && !only_specials_beyond(config, tokenizer))
    faults.push_back(
        concat("the tokenizer has ", tokenizer.vocabulary_size(), " tokens, the model only ", config.vocabulary_size));
  const auto bos = tokenizer.bos_id();
  if (config.bos_id >= 0 && bos && *bos != config.bos_id && !bos_is_explained(config, *bos))
    faults.push_back(concat("BOS is ", *bos, " for the tokenizer and ", config.bos_id, " for the model"));
  return faults;
}

void check_vocabulary(const ModelConfig& config, const Tokenizer& tokenizer, const std::string& where) {
  const auto faults = vocabulary_disagreements(config, tokenizer);
  UNPACT_VALIDATE(
      faults.empty(), concat(where, ": tokenizer and model disagree"), join(faults, "; "),
      "put the tokenizer files that belong to this checkpoint into its folder; where they do belong to it, name the "
      "tokenizer's BOS in generation_config.json");
}

namespace {

std::string joint_config_checksum(const std::string& first, const std::string& second) {
  return sha256_of_bytes(concat(first, " ", second));
}

}  // namespace

ModelChecksums model_checksums(const std::filesystem::path& folder) {
  ModelChecksums sums{weights_checksum(folder), config_checksum(read_model_config(folder))};
  if (contrast_scale_of(folder))
    sums.config = joint_config_checksum(sums.config, config_checksum(read_model_config(folder / kReinforcedFolder)));
  return sums;
}

void check_second_model(const ModelConfig& first, const ModelConfig& second, const std::filesystem::path& folder) {
  UNPACT_VALIDATE(second.hidden_size == first.hidden_size && second.vocabulary_size == first.vocabulary_size &&
                      second.layers == first.layers,
                  concat("the two models in ", folder.string(), " have different shapes"), "they answer together",
                  "give the folder that `unpact unlearn` wrote");
}

MappedModel map_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template) {
  const auto config = read_model_config(folder);
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(folder);
  check_vocabulary(config, *tokenizer, folder.string());
  const auto reader = std::make_shared<const CheckpointReader>(folder);
  LanguageModel model{Transformer(config, map_weights(config, folder, *reader)), std::move(tokenizer), prompt_template,
                      folder};
  model.checksums.config = config_checksum(config);
  model.stored = stored_dtype(folder);
  const auto scale = contrast_scale_of(folder);
  if (!scale) return {std::move(model), [reader] { return reader->checksum(); }};
  const auto inside = folder / kReinforcedFolder;
  const auto second = read_model_config(inside);
  check_second_model(config, second, folder);
  const auto second_reader = std::make_shared<const CheckpointReader>(inside);
  model.transformer.contrast_with(std::make_shared<const Transformer>(second, map_weights(second, inside, *second_reader)),
                                  *scale);
  model.checksums.config = joint_config_checksum(model.checksums.config, config_checksum(second));
  return {std::move(model), [reader, second_reader, scale] {
            return joint_weights_checksum(reader->checksum(), second_reader->checksum(), *scale);
          }};
}

LanguageModel load_language_model(const std::filesystem::path& folder, const PromptTemplate& prompt_template,
                                  const c10::Device& device, c10::ScalarType dtype) {
  const auto config = read_model_config(folder);
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(folder);
  check_vocabulary(config, *tokenizer, folder.string());
  LoadOptions options;
  options.dtype = dtype;
  LanguageModel model{Transformer(config, load_weights(config, folder, device, options)), std::move(tokenizer),
                      prompt_template, folder};
  if (const auto scale = contrast_scale_of(folder)) {
    const auto inside = folder / kReinforcedFolder;
    const auto second = read_model_config(inside);
    check_second_model(config, second, folder);
    model.transformer.contrast_with(
        std::make_shared<const Transformer>(second, load_weights(second, inside, device, options)), *scale);
  }
  model.stored = stored_dtype(folder);
  return model;
}

Transformer converted(const Transformer& model, c10::ScalarType dtype, const c10::Device& device) {
  auto weights = model.weights();
  change_weights(model.config(), weights, [&](const at::Tensor& weight) { return weight.detach().to(device, dtype); });
  Transformer copy(model.config(), std::move(weights));
  if (const auto* second = model.reinforced())
    copy.contrast_with(std::make_shared<const Transformer>(converted(*second, dtype, device)), model.contrast_scale());
  return copy;
}

}  // namespace unpact
