#include "unpact/campaign/unlearned_folder.hpp"

#include "unpact/options/option_table.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/version.hpp"
#include "unpact/checkpoint/adapters.hpp"
#include "unpact/checkpoint/checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFile = "unlearning.json";

/// A sweep says of other cells; this one's values are its own.
bool says_how(const std::string& key) {
  return (key.rfind("method.", 0) == 0 && key != "method.sweep") || key.rfind("unlearn.", 0) == 0;
}

Json description(const Configuration& c, const std::string& target_checksum) {
  Json json;
  json["software"] = concat("unpact ", version());
  json["method"] = name_of(c.method);
  auto copy = with_absolute_paths(c);
  for (const auto& option : option_table(copy))
    if (says_how(option.key)) json["options"][option.key] = value_text(option);
  json["options"]["run.seed"] = std::to_string(c.run.seed);
  json["target_sha256"] = target_checksum;
  return json;
}

/// Takes over the options that the file names. Whatever else it holds is left alone.
void take_options(Configuration& c, const Json& options, const fs::path& file) {
  UNPACT_VALIDATE(options.is_object(), concat("cannot read ", file.string()), "'options' is no object",
                  "give the folder that `unpact unlearn` wrote");
  for (const auto& option : option_table(c)) {
    if (!says_how(option.key) || !options.contains(option.key)) continue;
    const auto& value = options[option.key];
    UNPACT_VALIDATE(value.is_string(), concat("cannot read ", file.string()), concat("'", option.key, "' is no text"),
                    "give the folder that `unpact unlearn` wrote");
    assign(option, value.get<std::string>(), concat("in ", file.string()));
  }
  apply_method_overrides(c);  // of files that say both
  check_method(c.method);
}

/// Takes over the checksum of what was read. @param what it would have others of.
void pin(std::string& checksum, const std::string& read, const Configuration& c, const char* what) {
  UNPACT_VALIDATE(checksum.empty() || checksum == read,
                  concat("the unlearned model in ", c.evaluate.unlearned, " has other ", what),
                  concat("it is ", read, ", not ", checksum), "find the model that was meant, or remove that option");
  checksum = read;
}

}  // namespace

LanguageModel unlearned_model(const LanguageModel& target, UnlearnResult result, const MethodOptions& method) {
  const auto& config = target.transformer.config();
  LanguageModel model{Transformer(config, std::move(result.weights)), target.tokenizer, target.prompt_template, {}};
  model.stored = target.stored;
  if (result.reinforced)
    model.transformer.contrast_with(std::make_shared<const Transformer>(config, std::move(*result.reinforced)),
                                    method.scale);
  return model;
}

void save_unlearned(const fs::path& folder, const LanguageModel& unlearned, const Configuration& c,
                    const std::string& target_checksum) {
  const auto& model = unlearned.transformer;
  SaveOptions options;
  options.dtype = unlearned.stored;
  options.also = [&](const fs::path& inside) {
    write_file_atomically(inside / kFile, description(c, target_checksum).dump(2) + "\n");
    if (model.reinforced() != nullptr)
      save_contrast(inside, model.config(), model.reinforced()->weights(), model.contrast_scale(), *unlearned.tokenizer,
                    unlearned.stored);
  };
  save_checkpoint(folder, model.config(), model.weights(), *unlearned.tokenizer, options);
}

void save_unlearned_adapter(const fs::path& folder, const LanguageModel& target, const TrainedAdapters& adapters,
                            const Configuration& c, const std::string& target_checksum) {
  AdapterFolder options{fs::absolute(target.folder), {}};
  options.also = [&](const fs::path& inside) {
    write_file_atomically(inside / kFile, description(c, target_checksum).dump(2) + "\n");
  };
  save_adapter(folder, with_adapters(target.transformer.config(), adapters.options), adapters.tensors, *target.tokenizer,
               options);
}

void describe_unlearned(Configuration& c, const ModelChecksums& read) {
  if (!c.evaluate.unlearned.empty()) put_back_replaced_folder(c.evaluate.unlearned);
  const auto file = fs::path(c.evaluate.unlearned) / kFile;
  if (c.method.name.empty() && !c.evaluate.unlearned.empty() && fs::exists(file)) {
    const auto json = read_json_file(file);
    const auto name = require_string(json, "method", file.string());
    if (json.contains("options")) take_options(c, json["options"], file);
    c.method.name = name;
  }
  if (c.method.name.empty()) c.method.name = "unlearned";
  pin(c.evaluate.checksum, read.weights, c, "weights than evaluate.checksum says");
  pin(c.evaluate.config_checksum, read.config, c, "settings in its config.json than evaluate.config_checksum says");
}

}  // namespace unpact
