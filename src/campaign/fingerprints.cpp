#include "unpact/campaign/fingerprints.hpp"

#include <filesystem>

#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/results/cell.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

Configuration with_contents(Configuration c, const std::string& dataset_checksum) {
  c.dataset.checksum = dataset_checksum;
  if (const auto file = path_of_needed_file(c.method); !file.empty()) c.method.file_checksum = sha256_of_file(file);
  return c;
}

/// The contents of what a made target starts from: a checkpoint, or a description of random weights and a tokenizer.
std::string start_checksum(const ModelOptions& model) {
  const fs::path folder = model.path.empty() ? model.config : model.path;
  Json parts = Json::array();
  if (fs::exists(folder / "config.json")) parts.push_back(sha256_of_file(folder / "config.json"));
  if (!model.path.empty()) parts.push_back(weights_checksum(model.path));
  const auto& tokenizer = model.path.empty() ? model.tokenizer : model.path;
  if (!tokenizer.empty()) parts.push_back(load_tokenizer(tokenizer)->checksum());
  return sha256_of_bytes(parts.dump());
}

}  // namespace

std::string settings_of(const Configuration& c, Made made, const std::string& dataset_checksum) {
  return settings_that_affect(with_contents(c, dataset_checksum), made);
}

std::string resolved_configuration(const Configuration& c, Made made, const std::string& dataset_checksum) {
  return concat(settings_of(c, made, dataset_checksum), "\n", kOriginsMark, "\n", origins_of_inputs(c, made));
}

std::string target_fingerprint(const Session& session, const Configuration& c, const std::string& dataset_checksum) {
  return session.world().broadcast(
      session.is_root() ? sha256_of_bytes(settings_of(c, Made::target, dataset_checksum) + start_checksum(c.model)) : "", 0);
}

std::string training_identity(const Configuration& c, const InputChecksums& inputs) {
  return concat(settings_of(c, Made::training, inputs.dataset), inputs.model, "\n", inputs.tokenizer);
}

}  // namespace unpact
