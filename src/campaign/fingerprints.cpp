#include "unpact/campaign/fingerprints.hpp"

#include <filesystem>

#include "retrained_results.hpp"
#include "relearning.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/evaluation/phrasings.hpp"
#include "unpact/results/cell.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// Who has pinned a file already (pin_method_file, pin_retrained) has read it.
Configuration with_contents(Configuration c, const InputChecksums& inputs) {
  c.dataset.checksum = inputs.dataset;
  c.model.config_checksum = inputs.config;
  const auto file = path_of_needed_file(c.method);
  if (!file.empty() && c.method.file_checksum.empty()) c.method.file_checksum = sha256_of_file(file);
  if (!c.judge.passages.empty() && c.judge.passages_checksum.empty())
    c.judge.passages_checksum = sha256_of_file(c.judge.passages);
  if (c.metric.retrained_checksum.empty()) c.metric.retrained_checksum = checksum_of_retrained(c.metric);
  if (c.probe.relearn.file_checksum.empty() && relearns(c.probe))
    c.probe.relearn.file_checksum = checksum_of_relearn_file(c.probe.relearn);
  return c;
}

/// What a target starts from: a checkpoint, or a description of random weights and a tokenizer.
struct Start {
  std::string config, weights, tokenizer;
};

Start start_on_disk(const ModelOptions& model) {
  const fs::path folder = model.path.empty() ? model.config : model.path;
  const auto& tokenizer = model.path.empty() ? model.tokenizer : model.path;
  Start start;
  if (!folder.empty()) start.config = config_checksum(read_model_config(folder));
  if (!model.path.empty()) start.weights = weights_checksum(model.path);
  if (!tokenizer.empty()) start.tokenizer = load_tokenizer(tokenizer)->checksum();
  return start;
}

std::string fingerprint_of_target(const Configuration& c, const std::string& dataset_checksum, const Start& start) {
  const Json parts = {start.config, start.weights, start.tokenizer};
  return sha256_of_bytes(settings_of(c, Made::target, {dataset_checksum, {}, {}, {}}) + parts.dump());
}

std::string fingerprint_of_results(const InputChecksums& inputs, const Configuration& c, Made made) {
  Provenance p;
  p.resolved_configuration = resolved_configuration(c, made, inputs);
  p.model_checksum = inputs.model;
  p.tokenizer_checksum = inputs.tokenizer;
  return fingerprint_of(p);
}

}  // namespace

InputChecksums checksums_of(const std::string& dataset_checksum, const LanguageModel& target) {
  return {dataset_checksum, target.checksums.weights, target.tokenizer->checksum(), target.checksums.config};
}

std::string settings_of(const Configuration& c, Made made, const InputChecksums& inputs) {
  return settings_that_affect(with_contents(c, inputs), made);
}

std::string resolved_configuration(const Configuration& c, Made made, const InputChecksums& inputs) {
  return concat(settings_of(c, made, inputs), "\n", kOriginsMark, "\n", origins_of_inputs(c, made));
}

std::string target_fingerprint(const Session& session, const Configuration& c, const std::string& dataset_checksum) {
  return session.world().broadcast(session.is_root() ? target_fingerprint(c, dataset_checksum) : "", 0);
}

std::string target_fingerprint(const Configuration& c, const std::string& dataset_checksum) {
  return fingerprint_of_target(c, dataset_checksum, start_on_disk(c.model));
}

std::string fingerprint_of_cell(const InputChecksums& inputs, const Configuration& c) {
  return fingerprint_of_results(inputs, c, Made::cell);
}

Configuration without_method(Configuration c) {
  c.method = MethodOptions();
  c.method.name = "none";
  c.evaluate = EvaluateOptions();
  return c;
}

std::string fingerprint_of_baseline(const InputChecksums& inputs, const Configuration& c) {
  return fingerprint_of_results(inputs, without_method(c), Made::baseline);
}

void require_same_start(const Configuration& c, const std::string& dataset_checksum, const LanguageModel& start,
                        const std::string& fingerprint) {
  const auto loaded = checksums_of(dataset_checksum, start);
  const auto now = fingerprint_of_target(c, dataset_checksum, {loaded.config, loaded.model, loaded.tokenizer});
  UNPACT_VALIDATE(now == fingerprint, concat("the model in ", c.model.path, " was replaced while this job started"),
                  concat("its target had the fingerprint ", fingerprint, " and has ", now, " now"),
                  "let nothing write there, and start again");
}

std::string training_identity(const Configuration& c, const InputChecksums& inputs) {
  const auto own = concat(settings_of(c, Made::training, inputs), inputs.model, "\n", inputs.tokenizer);
  if (!needs_contributions(c)) return own;
  return concat(own, "\n", c.attribution.keys.alpha, " ", c.attribution.keys.beta, " ", name_of_value(c.model.dtype), " ",
                join(trained_phrasings(c.probe, c.unlearn.phrased), "|"));
}

}  // namespace unpact
