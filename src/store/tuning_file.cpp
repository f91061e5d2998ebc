#include "unpact/store/tuning_file.hpp"

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "schema.hpp"
#include "seal.hpp"
#include "writer.hpp"

namespace unpact {
namespace {

/// A column of the grid, and what it holds.
struct TuningColumn {
  std::string name, long_name;
  std::vector<double> values;
};

std::vector<TuningColumn> columns_of(const std::string& objective, const std::vector<ThresholdScore>& scores) {
  const bool labels = objective == "labels";
  std::vector<TuningColumn> columns = {
      {"objective", labels ? "F1 of KeyTokens against labelled words" : "share of the effect minus share of the tokens", {}},
      {labels ? "precision" : "effect",
       labels ? "share of KeyTokens that are labelled" : "share of the question's effect that KeyTokens carry",
       {}},
      {labels ? "recall" : "cost",
       labels ? "share of labelled tokens that are KeyTokens" : "share of the candidates that are KeyTokens",
       {}},
      {"key_tokens", "mean number of KeyTokens a prompt", {}},
      {"without_key_tokens", "prompts without a KeyToken", {}}};
  for (const auto& score : scores) {
    const double values[] = {score.objective, score.first, score.second, score.key_tokens,
                             static_cast<double>(score.without_key_tokens)};
    for (std::size_t k = 0; k < columns.size(); ++k) columns[k].values.push_back(values[k]);
  }
  return columns;
}

void write_attributes(hdf5::Writer& file, const TuningRecord& record) {
  const auto& from = record.provenance;
  const auto& grid = record.grid;
  write_schema(file, kTuningSchema);
  for (const auto& [name, text] :
       std::map<std::string, std::string>{{"config_resolved", from.resolved_configuration},
                                          {"started", from.started},
                                          {"ended", from.ended},
                                          {"model_checksum", from.model_checksum},
                                          {"tokenizer_checksum", from.tokenizer_checksum},
                                          {"model", record.model},
                                          {"dataset", record.dataset},
                                          {"attribution_method", record.attribution_method},
                                          {"objective", grid.objective},
                                          {"compute_dtype", record.compute_dtype},
                                          {"devices", Json(from.devices).dump()},
                                          {"library_versions", Json(from.library_versions).dump()}})
    file.attribute(name, text);
  file.attribute("seed", from.seed);
  file.attribute("world_size", from.world_size);
  file.attribute("tuned_prompts", static_cast<std::int64_t>(grid.tuned_prompts));
  file.attribute("held_out_prompts", static_cast<std::int64_t>(grid.held_out_prompts));
  file.attribute("best_alpha", grid.best_alpha());
  file.attribute("best_beta", grid.best_beta());
  file.attribute("noise_floor", record.noise_floor);
}

}  // namespace

void write_tuning_file(const std::filesystem::path& path, const TuningRecord& record) {
  AtomicFile target(path);
  const Communicator alone;
  hdf5::Writer file(alone, target.temporary_path(), 0);
  write_attributes(file, record);
  const auto& grid = record.grid;
  file.numbers<double>({"/alpha", {"/alpha"}, "1", "relative floor of KeyTokens"}, grid.alphas, {grid.alphas.size()});
  file.numbers<double>({"/beta", {"/beta"}, "nat/token", "absolute floor of KeyTokens"}, grid.betas, {grid.betas.size()});
  for (const auto& [group, scores] : {std::pair("/tuned/", &grid.tuned), std::pair("/held_out/", &grid.held_out)})
    for (const auto& column : columns_of(grid.objective, *scores)) {
      UNPACT_EXPECT(column.values.size() == grid.alphas.size() * grid.betas.size());
      file.numbers<double>({group + column.name, {"/alpha", "/beta"}, "1", column.long_name}, column.values,
                           {grid.alphas.size(), grid.betas.size()});
    }
  file.close();
  append_seal(target.temporary_path());
  target.commit();
}

}  // namespace unpact
