#include "unpact/campaign/floor_model.hpp"

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void require_a_model(const fs::path& folder) {
  std::error_code code;
  UNPACT_VALIDATE(
      fs::exists(folder / "config.json", code), concat("there is no model in ", folder.string()),
      "campaign.floor_model is to be a folder with config.json, weights and tokenizer",
      "give one that was trained without the forget set, such as what `unpact finetune --finetune.sets retain` makes, "
      "or leave the option out");
}

/// Its answers are compared with the target's, question by question and token by token.
void require_tokenizer_of_target(const fs::path& folder, const ModelOptions& target) {
  const auto& given = target.path.empty() ? target.tokenizer : target.path;
  if (given.empty()) return;  // trained with the target: seen when it is there
  UNPACT_VALIDATE(load_tokenizer(folder)->checksum() == load_tokenizer(given)->checksum(),
                  concat("the model in ", folder.string(), " has another tokenizer than the target"),
                  concat("that of the target is in ", given, "; the same prompts must be the same tokens"),
                  "give campaign.floor_model a model of the target's family");
}

}  // namespace

fs::path floor_model_folder(const Configuration& c) {
  if (!c.campaign.floor_model.empty()) return c.campaign.floor_model;
  return c.model.make_target ? fs::path(c.model.path) : fs::path();
}

std::string floor_model_label(const Configuration& c) {
  return c.campaign.floor_model.empty() ? "the base of the target" : "campaign.floor_model";
}

void pin_floor_model(const Communicator& world, Configuration& c) {
  const auto folder = floor_model_folder(c);
  if (folder.empty() || !c.probe.arms) return;
  std::string checksum;
  on_root(world, [&] {
    require_a_model(folder);
    require_tokenizer_of_target(folder, c.model);
    checksum = sha256_of_bytes(weights_checksum(folder) + config_checksum(read_model_config(folder)));
    UNPACT_VALIDATE(c.campaign.floor_checksum.empty() || c.campaign.floor_checksum == checksum,
                    concat("the model in ", folder.string(), " is not the one that campaign.floor_checksum means"),
                    concat("it is ", checksum, ", not ", c.campaign.floor_checksum), "find the model that was meant");
  });
  c.campaign.floor_checksum = world.broadcast(checksum, 0);
}

}  // namespace unpact
