#include "other_weights.hpp"

#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// The model that an adapter changes, as its adapter_config.json says.
std::string base_of(const fs::path& file) {
  try {
    const auto json = read_json_file(file);
    return json.is_object() ? string_or(json, "base_model_name_or_path", "another model", file.string()) : "another model";
  } catch (const UserError&) {
    return "another model";
  }
}

}  // namespace

void refuse_other_weights(const fs::path& folder) {
  std::error_code code;
  if (const auto file = folder / "adapter_config.json"; fs::exists(file, code))
    throw UserError(
        concat(folder.string(), " holds a LoRA adapter, not a model"),
        concat("adapter_config.json says that it changes ", base_of(file)),
        "merge the two in Python: PeftModel.from_pretrained(base, FOLDER).merge_and_unload().save_pretrained(OUT)");
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const auto name = entry.path().filename().string();
    const auto ending = entry.path().extension().string();
    if (ending == ".gguf")
      throw UserError(concat("no weights in ", folder.string()),
                      concat(name, " is a GGUF file, whose weights are packed in fewer bits"),
                      "give the checkpoint that it was made of, in safetensors format");
    const bool is_pickled = (ending == ".bin" && (name.starts_with("pytorch_model") || name.starts_with("adapter_model"))) ||
                            ending == ".pt" || ending == ".pth";
    if (is_pickled)
      throw UserError(
          concat("no weights in ", folder.string()),
          concat(name, " is pickled, and no pickle is read: it could run any code"),
          "save it as safetensors, in Python: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OUT)");
  }
}

}  // namespace unpact
