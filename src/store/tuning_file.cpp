#include "unpact/store/tuning_file.hpp"

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/store/schema.hpp"
#include "unpact/store/seal.hpp"
#include "unpact/store/writer.hpp"

namespace unpact {
namespace {

void write_attributes(hdf5::Writer& file, const TuningRecord& record) {
  const auto& from = record.provenance;
  write_schema(file, kTuningSchema);
  for (const auto& [name, text] : std::map<std::string, std::string>{
           {"config_resolved", from.resolved_configuration}, {"started", from.started}, {"ended", from.ended},
           {"model_checksum", from.model_checksum}, {"tokenizer_checksum", from.tokenizer_checksum}, {"model", record.model},
           {"dataset", record.dataset}, {"attribution_method", record.attribution_method}, {"objective", record.objective},
           {"devices", Json(from.devices).dump()}, {"library_versions", Json(from.library_versions).dump()}})
    file.attribute(name, text);
  file.attribute("seed", from.seed);
  file.attribute("world_size", from.world_size);
  file.attribute("tuned_prompts", record.tuned_prompts);
  file.attribute("held_out_prompts", record.held_out_prompts);
  file.attribute("best_alpha", record.best_alpha);
  file.attribute("best_beta", record.best_beta);
  file.attribute("noise_floor", record.noise_floor);
}

}  // namespace

void write_tuning_file(const std::filesystem::path& path, const TuningRecord& record) {
  AtomicFile target(path);
  const Communicator alone;
  hdf5::Writer file(alone, target.temporary_path(), 0);
  write_attributes(file, record);
  file.numbers<double>({"/alpha", {"/alpha"}, "1", "relative floor of KeyTokens"}, record.alphas, {record.alphas.size()});
  file.numbers<double>({"/beta", {"/beta"}, "nat/token", "absolute floor of KeyTokens"}, record.betas, {record.betas.size()});
  for (const auto& [group, columns] : {std::pair("/tuned/", &record.tuned), std::pair("/held_out/", &record.held_out)})
    for (const auto& column : *columns) {
      UNPACT_EXPECT(column.values.size() == record.alphas.size() * record.betas.size());
      file.numbers<double>({group + column.name, {"/alpha", "/beta"}, "1", column.long_name}, column.values,
                           {record.alphas.size(), record.betas.size()});
    }
  file.close();
  append_seal(target.temporary_path());
  target.commit();
}

}  // namespace unpact
