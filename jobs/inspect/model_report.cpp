/// A ModelInspection as text and as JSON.
#include <algorithm>
#include <cstdio>
#include <map>

#include "jobs/inspect/inspect_parts.hpp"
#include "jobs/inspect/model_inspection.hpp"
#include "unpact/core/text.hpp"
#include "unpact/train/memory_plan.hpp"
#include "unpact/train/stage_memory.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMostLines = 30;  // of problems
const std::int64_t kTokensAtOnce = ScoringShape().tokens;

std::string in_gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", bytes / (1024.0 * 1024.0 * 1024.0));
  return text;
}

std::string ids_text(const std::vector<std::int64_t>& ids) {
  std::vector<std::string> texts;
  for (const auto id : ids) texts.push_back(concat(id));
  return texts.empty() ? std::string("none") : join(texts, ", ");
}

/// Window length -> how many blocks look back so far.
std::map<std::int64_t, std::size_t> windows_of(const ModelConfig& config) {
  std::map<std::int64_t, std::size_t> windows;
  for (std::int64_t layer = 0; layer < config.layers; ++layer)
    if (const auto window = config.window_of(layer); window > 0) ++windows[window];
  return windows;
}

std::string windows_text(const ModelConfig& config) {
  std::vector<std::string> texts;
  for (const auto& [window, blocks] : windows_of(config))
    texts.push_back(concat(window, " tokens in ", blocks, " of ", config.layers, " blocks"));
  return texts.empty() ? std::string("none") : join(texts, ", ");
}

std::string rope_text(const ModelConfig& config) {
  if (config.block.positions != PositionKind::rotary) return "none: a learned table of positions";
  const auto& scaling = config.rope_scaling;
  const auto stretched =
      scaling.type == "default" ? std::string(", not stretched") : concat(", ", scaling.type, ", factor ", scaling.factor);
  const auto context = scaling.type == "llama3"     ? concat(" over ", scaling.original_positions, " positions")
                       : scaling.type == "longrope" ? std::string(", by its factors for the context of pretraining")
                                                    : std::string();
  const auto share = config.rotary_dim > 0 ? concat(", ", config.rotary_dim, " of ", config.head_dim, " channels of a head")
                                           : std::string();
  const auto local = config.block.local_theta > 0 ? concat("; theta ", config.block.local_theta, " in blocks with a window")
                                                  : std::string();
  return concat("theta ", config.rope_theta, stretched, context, share, local);
}

std::string dtypes_text(const WeightSurvey& weights) {
  std::vector<std::string> texts;
  for (const auto& [dtype, count] : weights.parameters) texts.push_back(concat(dtype, " (", count, " numbers)"));
  return texts.empty() ? std::string("none") : join(texts, ", ");
}

std::string mlp_text(const ModelConfig& config) {
  const auto experts = config.block.experts;
  if (experts == 0) return concat(config.intermediate_size);
  return concat(config.intermediate_size / experts, " (", config.block.experts_per_token, " of ", experts, " experts)");
}

void print_config(const ModelConfig& config) {
  line("architecture", config.architecture);
  line("parameters", concat(config.parameter_count(), config.tied_embeddings ? " (head tied to the embedding)" : ""));
  line("shape", concat(config.layers, " blocks, hidden ", config.hidden_size, ", MLP ", mlp_text(config), ", ", config.heads,
                       " query heads, ", config.key_value_heads, " key-value heads of ", config.head_dim));
  line("vocabulary", concat(config.vocabulary_size));
  line("context", concat(config.max_positions, " tokens"));
  line("sliding window", windows_text(config));
  line("rope", rope_text(config));
  line("BOS of the model", config.bos_id < 0 ? std::string("none") : concat(config.bos_id));
  line("EOS of the model",
       concat(ids_text(config.eos_ids), config.original_generation.is_object() ? " (with generation_config.json)" : ""));
}

std::string id_text(const std::optional<TokenId>& id, const Tokenizer& tokenizer) {
  return id ? concat(*id, " ", tokenizer.piece(*id)) : std::string("none");
}

/// The padding token, which unpact does not need, as config.json and generation_config.json name it.
Json pad_id(const ModelConfig& config) {
  for (const auto* json : {&config.original_generation, &config.original})
    if (json->is_object() && json->contains("pad_token_id") && !(*json)["pad_token_id"].is_null())
      return (*json)["pad_token_id"];
  return {};
}

void print_tokenizer(const ModelInspection& found) {
  if (!found.tokenizer) return line("tokenizer", "none that can be used");
  const auto& tokenizer = *found.tokenizer;
  line("tokenizer", concat(tokenizer.kind(), ", ", tokenizer.vocabulary_size(), " pieces, ",
                           tokenizer.special_tokens().size(), " special by name"));
  line("BOS of the tokenizer", id_text(tokenizer.bos_id(), tokenizer));
  line("EOS of the tokenizer", id_text(tokenizer.eos_id(), tokenizer));
  if (found.config) line("padding", pad_id(*found.config).is_null() ? std::string("none") : pad_id(*found.config).dump());
}

void print_chat(const ModelInspection& found) {
  if (!found.chat) return line("chat template", "cannot be read");
  const auto &file = found.chat->file, &use = found.chat->use;
  line("chat template", file.empty() ? std::string("none: a base model") : concat("in ", file));
  if (use.empty()) line("prompt", "none of configs/models fits this template: docs/prompts.md says how to write one");
  else
    line("prompt",
         concat("model.use = ", use, file.empty() ? "" : "    (a base model that brings a template all the same: muse)"));
}

double unlearning(const ModelConfig& config, std::int64_t ranks) {
  return unlearning_bytes(config, static_cast<int>(ranks));
}

double cell(const ModelConfig& config, std::int64_t ranks, bool offload) {
  return typical_cell(config, static_cast<int>(ranks), offload).bytes;
}

void print_memory(const ModelInspection& found) {
  const auto& config = *found.config;
  line("memory to score", concat(in_gib(scoring_bytes(config, 4, kTokensAtOnce)), " GiB a rank in fp32, ",
                                 in_gib(scoring_bytes(config, 2, kTokensAtOnce)), " in bf16"));
  line("",
       "= b N weights + 2 b L G d T keys and values + b T (4 D + 2 H d + 2 G d + 3 F) of a block + min(8 V T, 512 MiB) of "
       "logits");
  line("", concat("with b = 4 or 2 bytes, T = ", kTokensAtOnce, " tokens at once; every rank holds the whole model"));
  line("memory to unlearn", concat(in_gib(unlearning(config, found.ranks)), " GiB a rank on ", found.ranks,
                                   " rank(s), activations of a micro-batch not counted"));
  line("",
       "= 16 N / W weights, gradients and AdamW in fp32, cut over W ranks + 4 (V D + max(U, V D)) of the target, for losses "
       "that ask it");
  line("", "+ (W > 1) 16 U + 8 V D gathered, with U weights of the largest block");
  line("", concat(in_gib(unlearning_bytes(config, 1, Shard::none)), " where every rank holds all whole (20 N)"));
  line("memory of a cell", concat(in_gib(cell(config, found.ranks, false)), " GiB a rank on ", found.ranks, " rank(s), ",
                                  in_gib(cell(config, found.ranks, true)), " with train.offload_optimizer"));
  line("",
       "the largest of its stages (train, put the result together, ask it), of which none holds another's: bf16 with fp32");
  line("", "masters, train.recompute, micro-batches of 2048 tokens");
  line("GiB of a rank", "ranks   score fp32   score bf16   unlearn      cell   offloaded");
  for (const auto ranks : ranks_shown(found.ranks)) {
    char row[120];
    std::snprintf(row, sizeof row, "%5lld   %10s   %10s   %7s   %7s   %9s", static_cast<long long>(ranks),
                  in_gib(scoring_bytes(config, 4, kTokensAtOnce)).c_str(),
                  in_gib(scoring_bytes(config, 2, kTokensAtOnce)).c_str(), in_gib(unlearning(config, ranks)).c_str(),
                  in_gib(cell(config, ranks, false)).c_str(), in_gib(cell(config, ranks, true)).c_str());
    line("", row);
  }
}

void print_list(const std::string& name, const std::vector<std::string>& items) {
  for (std::size_t i = 0; i < std::min(items.size(), kMostLines); ++i) line(name, items[i]);
  if (items.size() > kMostLines) line(name, concat("and ", items.size() - kMostLines, " more"));
}

std::string verdict(const ModelInspection& found) {
  if (!found.usable())
    return concat("cannot be used: ", found.problems.size(), found.problems.size() == 1 ? " problem" : " problems");
  return found.values_read ? "complete: every weight is there, has the right shape and is finite"
                           : "complete: every weight is there and has the right shape (values were not read)";
}

Json config_json(const ModelConfig& config) {
  Json json = {{"architecture", config.architecture},
               {"parameters", config.parameter_count()},
               {"tied_embeddings", config.tied_embeddings},
               {"blocks", config.layers},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", config.intermediate_size / std::max<std::int64_t>(1, config.block.experts)},
               {"experts", config.block.experts},
               {"heads", config.heads},
               {"key_value_heads", config.key_value_heads},
               {"head_dim", config.head_dim},
               {"vocabulary", config.vocabulary_size},
               {"context", config.max_positions}};
  json["sliding_windows"] = Json::array();
  for (const auto& [window, blocks] : windows_of(config))
    json["sliding_windows"].push_back({{"tokens", window}, {"blocks", blocks}});
  json["rope"] = nullptr;
  if (config.block.positions == PositionKind::rotary)
    json["rope"] = {
        {"theta", config.rope_theta}, {"type", config.rope_scaling.type}, {"factor", config.rope_scaling.factor}};
  if (config.block.local_theta > 0) json["rope"]["local_theta"] = config.block.local_theta;
  json["bos_id"] = config.bos_id < 0 ? Json() : Json(config.bos_id);
  json["eos_ids"] = config.eos_ids;
  json["pad_id"] = pad_id(config);
  json["generation_config"] = config.original_generation.is_object();
  return json;
}

Json tokenizer_json(const Tokenizer& tokenizer) {
  const auto id = [](const std::optional<TokenId>& given) { return given ? Json(*given) : Json(); };
  return {{"kind", tokenizer.kind()},
          {"vocabulary", tokenizer.vocabulary_size()},
          {"bos_id", id(tokenizer.bos_id())},
          {"eos_id", id(tokenizer.eos_id())},
          {"special_tokens", tokenizer.special_tokens().size()},
          {"checksum", tokenizer.checksum()}};
}

Json memory_json(const ModelInspection& found) {
  Json rows = Json::array();
  for (const auto ranks : ranks_shown(found.ranks))
    rows.push_back({{"ranks", ranks},
                    {"score_fp32", scoring_bytes(*found.config, 4, kTokensAtOnce)},
                    {"score_bf16", scoring_bytes(*found.config, 2, kTokensAtOnce)},
                    {"unlearn", unlearning(*found.config, ranks)},
                    {"unlearn_whole", unlearning_bytes(*found.config, 1, Shard::none)},
                    {"cell", cell(*found.config, ranks, false)},
                    {"cell_offloaded", cell(*found.config, ranks, true)}});
  return rows;
}

}  // namespace

void print_inspection(const ModelInspection& found) {
  if (found.config) print_config(*found.config);
  line("weights", concat(found.weights.files.size(), " file(s), ", found.weights.bytes, " bytes (",
                         in_gib(static_cast<double>(found.weights.bytes)), " GiB), ", found.weights.tensors, " tensors"));
  line("dtype", dtypes_text(found.weights));
  print_tokenizer(found);
  print_chat(found);
  if (found.config) print_memory(found);
  if (!found.weights_checksum.empty()) line("SHA-256 of weights", found.weights_checksum);
  print_list("remark", found.remarks);
  print_list("problem", found.problems);
  line("verdict", verdict(found));
}

Json inspection_json(const ModelInspection& found) {
  Json json = {{"folder", found.folder.string()},
               {"usable", found.usable()},
               {"values_read", found.values_read},
               {"problems", found.problems},
               {"remarks", found.remarks}};
  json["config"] = found.config ? config_json(*found.config) : Json();
  Json dtypes = Json::object();
  for (const auto& [dtype, count] : found.weights.parameters) dtypes[dtype] = count;
  json["weights"] = {{"files", found.weights.files.size()},
                     {"bytes", found.weights.bytes},
                     {"tensors", found.weights.tensors},
                     {"numbers", dtypes}};
  json["weights"]["sha256"] = found.weights_checksum.empty() ? Json() : Json(found.weights_checksum);
  json["tokenizer"] = found.tokenizer ? tokenizer_json(*found.tokenizer) : Json();
  json["chat_template"] = nullptr;
  if (found.chat) {
    const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
    json["chat_template"] = {{"file", text(found.chat->file)}, {"use", text(found.chat->use)}};
  }
  json["memory"] = found.config ? memory_json(found) : Json::array();
  return json;
}

}  // namespace unpact
