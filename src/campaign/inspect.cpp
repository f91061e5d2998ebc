#include <iostream>

#include "inspect_parts.hpp"
#include "unpact/campaign/jobs.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/version.hpp"
#include "unpact/model/checkpoint.hpp"
#include "unpact/model/safetensors.hpp"
#include "unpact/record/cell_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void inspect_model(const fs::path& folder) {
  const auto config = read_model_config(folder);
  const auto parameters = config.parameter_count();
  const double gib = 1024.0 * 1024.0 * 1024.0;
  line("architecture", config.architecture);
  line("parameters", concat(parameters, config.tied_embeddings ? " (head tied to the embedding)" : ""));
  line("shape", concat(config.layers, " blocks, hidden ", config.hidden_size, ", MLP ", config.intermediate_size, ", ", config.heads,
                       " query heads, ", config.key_value_heads, " key-value heads of ", config.head_dim));
  line("vocabulary", concat(config.vocabulary_size));
  line("context", concat(config.max_positions, " tokens"));
  line("memory to score", concat(4.0 * static_cast<double>(parameters) / gib, " GiB a rank (fp32 weights)"));
  line("memory to unlearn", concat(16.0 * static_cast<double>(parameters) / gib, " GiB a rank (weights, gradients, AdamW; "
                                   "twice the weights more for npo, kl and tv)"));
  const SafetensorsFile weights(folder / "model.safetensors");
  line("tensors in the file", concat(weights.header().tensors.size(), ", first is ", weights.header().tensors.begin()->second.dtype));
  load_weights(config, folder, c10::Device(c10::DeviceType::CPU));
  const auto tokenizer = load_tokenizer(folder);
  check_vocabulary(config, *tokenizer, folder.string());
  line("tokenizer", concat(tokenizer->kind(), ", ", tokenizer->vocabulary_size(), " pieces"));
  line("SHA-256 of weights", weights_checksum(folder));
  line("verdict", "complete: every weight is there, has the right shape and is finite");
}

void inspect_dataset(const Configuration& c) {
  auto options = c.dataset;
  if (!c.inspect.path.empty()) options.path = c.inspect.path;
  const auto dataset = load_dataset(options);
  line("dataset", concat(dataset.name, " (", dataset.kind, ")"));
  line("forget questions", concat(dataset.forget_questions.size(), ", ", dataset.forget_examples.size(), " in-context examples"));
  line("retain questions", concat(dataset.retain_questions.size(), ", ", dataset.retain_examples.size(), " in-context examples"));
  line("forget texts", concat(dataset.forget_texts.size()));
  line("retain texts", concat(dataset.retain_texts.size()));
  line("verbatim passages", concat(dataset.passages.size()));
  line("privacy texts", concat(dataset.privacy_forget.size(), " forget, ", dataset.privacy_retain.size(), " retain, ",
                               dataset.privacy_holdout.size(), " holdout"));
  line("focus questions", concat(dataset.focus_questions.size()));
  line("first forget question", concat(dataset.forget_questions.front().question, " -> ", dataset.forget_questions.front().answer));
}

void inspect_results(const fs::path& file) {
  const auto record = read_cell_file(file);
  line("cell", record.id);
  line("made", concat(record.provenance.started, " to ", record.provenance.ended, ", ", record.provenance.world_size, " rank(s)"));
  line("judge", record.judge);
  line("KeyTokens", concat("alpha ", record.alpha, ", beta ", record.beta, ", noise floor ", record.noise_floor, " nats/token"));
  line("questions", concat(record.questions.question.size()));
  for (const auto& rate : record.rates)
    line(rate.name, concat(rate.count, "/", rate.total, " = ", rate.value, "  [", rate.low, ", ", rate.high, "]"));
}

void inspect_machine(const Session& session) {
  line("unpact", concat(version(), ", commit ", git_commit(), ", ", build_type(), ", ", compiler()));
  for (const auto& [name, text] : library_versions()) line(name, text);
  line("ranks", concat(session.world().size()));
  for (std::size_t r = 0; r < session.devices().size(); ++r) line(concat("rank ", r), session.devices()[r]);
}

}  // namespace

void line(const std::string& name, const std::string& value) {
  std::cout << name << ":" << std::string(name.size() < 22 ? 22 - name.size() : 1, ' ') << value << "\n";
}

ExitCode run_inspect(const Communicator& world, const Configuration& c) {
  const auto& [what, path] = c.inspect;
  if (what == "machine") {
    const Session session(world, c.run);  // collective
    if (world.is_root()) inspect_machine(session);
    return ExitCode::done;
  }
  if (!world.is_root()) return ExitCode::done;
  UNPACT_VALIDATE(what == "dataset" || !path.empty(), "nothing to inspect", "inspect needs a kind and a path",
                  "unpact inspect model|tokenizer|dataset|results PATH, or unpact inspect machine");
  if (what == "model") inspect_model(path);
  else if (what == "tokenizer") inspect_tokenizer(path, c.ask.input);
  else if (what == "dataset") inspect_dataset(c);
  else if (what == "results") inspect_results(path);
  else
    throw UserError(concat("unpact inspect does not know '", what, "'"), "known: model, tokenizer, dataset, results, machine",
                    "unpact inspect model DIR");
  return ExitCode::done;
}

}  // namespace unpact
