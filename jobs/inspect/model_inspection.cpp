#include "jobs/inspect/model_inspection.hpp"

#include <algorithm>

#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/language_model.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// What the call refuses goes into the list.
template <class Call>
void noting(std::vector<std::string>& list, const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    list.push_back(concat(error.problem(), ": ", error.reason()));
  }
}

void check_ids(ModelInspection& found) {
  const auto& config = *found.config;
  const auto outside = [&](std::int64_t id) { return id >= config.vocabulary_size; };
  if (outside(config.bos_id))
    found.problems.push_back(concat("BOS is ", config.bos_id, ", the vocabulary has ", config.vocabulary_size, " entries"));
  for (const auto id : config.eos_ids)
    if (outside(id) || id < 0)
      found.remarks.push_back(
          concat("EOS ", id, " is outside the vocabulary of ", config.vocabulary_size, " entries: no answer ends there"));
  if (config.eos_ids.empty())
    found.remarks.emplace_back(
        "no EOS in generation_config.json and config.json: answers end at stop strings and at their longest only");
}

/// A chat model whose configuration does not list the token that ends its answers writes on after it.
void check_end_of_turn(ModelInspection& found) {
  const auto& ids = found.config->eos_ids;
  for (const auto& [id, name] : found.tokenizer->special_tokens())
    if (name == found.chat->end_of_turn && std::find(ids.begin(), ids.end(), id) == ids.end())
      found.remarks.push_back(
          concat("the chat template ends answers with ", name, " (", id,
                 "), which is no EOS of generation_config.json or config.json: answers go on after it; add it "
                 "to eos_token_id"));
}

void compare_tokenizer(ModelInspection& found) {
  const auto& config = *found.config;
  const auto& tokenizer = *found.tokenizer;
  const auto faults = vocabulary_disagreements(config, tokenizer);
  for (const auto& fault : faults) found.problems.push_back(fault);
  if (faults.empty() && tokenizer.vocabulary_size() > config.vocabulary_size)
    found.remarks.push_back(concat("the tokenizer has ", tokenizer.vocabulary_size(), " tokens and the model rows for ",
                                   config.vocabulary_size, ": the others are special tokens that no text comes to"));
  if (const auto bos = tokenizer.bos_id(); faults.empty() && bos && config.bos_id >= 0 && *bos != config.bos_id)
    found.remarks.push_back(concat("BOS is ", *bos, " for the tokenizer and ", config.bos_id,
                                   " in config.json: prompts begin with the tokenizer's, as in transformers"));
  const auto eos = tokenizer.eos_id();
  const auto& ids = config.eos_ids;
  if (eos && !ids.empty() && std::find(ids.begin(), ids.end(), *eos) == ids.end())
    found.remarks.push_back(concat("EOS is ", *eos,
                                   " for the tokenizer, which the model's configuration does not list: "
                                   "training ends answers with it, generation does not stop there"));
  if (!eos) found.remarks.emplace_back("the tokenizer has no EOS: training cannot end answers with one");
}

}  // namespace

ModelInspection inspect_checkpoint(const fs::path& folder, std::int64_t ranks, bool quick) {
  std::error_code ignored;
  UNPACT_VALIDATE(fs::is_directory(folder, ignored), concat("cannot inspect ", folder.string()), "there is no such folder",
                  "give the folder of a Hugging Face checkpoint");
  ModelInspection found;
  found.folder = folder;
  found.ranks = ranks;
  found.values_read = !quick;
  noting(found.problems, [&] { found.config = read_model_config(folder); });
  found.weights = survey_weights(folder, found.config ? &*found.config : nullptr, !quick);
  found.problems.insert(found.problems.end(), found.weights.problems.begin(), found.weights.problems.end());
  noting(found.problems, [&] { found.tokenizer = load_tokenizer(folder); });
  noting(found.remarks, [&] { found.chat = find_chat_template(folder); });
  if (found.chat && found.chat->use == "muse" && found.tokenizer && !found.tokenizer->bos_id())
    found.chat->use = "muse-without-bos";
  if (found.chat && found.chat->file.empty() && found.config && is_encoder_decoder(*found.config))
    found.chat->use = "flan-t5";
  if (found.chat && found.config && found.tokenizer) check_end_of_turn(found);
  if (!fs::exists(folder / "generation_config.json"))
    found.remarks.emplace_back("generation_config.json is missing: the EOS ids are those of config.json");
  if (found.config) check_ids(found);
  if (found.config && found.tokenizer) compare_tokenizer(found);
  if (!quick && found.weights.problems.empty())
    noting(found.problems, [&] { found.weights_checksum = weights_checksum(folder); });
  return found;
}

std::vector<std::int64_t> ranks_shown(std::int64_t asked) {
  std::vector<std::int64_t> ranks = {1, 2, 4, 8, asked};
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  return ranks;
}

}  // namespace unpact
