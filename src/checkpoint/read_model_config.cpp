#include "other_weights.hpp"
#include "tied_head.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 16 << 20;

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& folder) {
  put_back_replaced_folder(folder);
  const auto path = folder / "config.json";
  if (!std::filesystem::exists(path)) refuse_other_weights(folder);
  UNPACT_VALIDATE(std::filesystem::exists(path), concat("no model in ", folder.string()), "config.json is missing there",
                  "give the folder of a Hugging Face checkpoint");
  auto config = parse_model_config(read_file(path, kMaxConfigBytes), path.string());
  const auto generation = folder / "generation_config.json";
  if (std::filesystem::exists(generation))
    parse_generation_config(read_file(generation, kMaxConfigBytes), generation.string(), config);
  if (config.tied_embeddings && stores_another_head(folder, config)) config.tied_embeddings = false;
  return config;
}

}  // namespace unpact
