#include "jobs/ask/open_models.hpp"

#include "unpact/campaign/endpoints.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/quantization.hpp"

namespace unpact {
namespace {

/// Each rank reads for itself what it holds whole.
LanguageModel open_whole_or_cut(const Session& session, const Configuration& c, const std::string& folder,
                                c10::ScalarType dtype) {
  const auto& world = session.world();
  const int models = c.ask.unlearned.empty() ? 1 : 2;
  if (world.size() == 1 || !asks_on_shards(session, world, c, read_model_config(folder), models, dtype))
    return load_language_model(folder, c.prompt.resolve(), session.device(), dtype);
  auto sharded = c;
  sharded.model.replica = Replica::sharded;
  return open_to_answer(session, world, sharded, map_language_model(folder, c.prompt.resolve()).model, dtype);
}

LanguageModel open_model(const Session& session, const Configuration& c, const std::string& folder, c10::ScalarType dtype) {
  auto model = open_whole_or_cut(session, c, folder, dtype);
  model.transformer = rounded_to(session.world(), std::move(model.transformer), c.model.bits);
  return model;
}

}  // namespace

std::vector<LanguageModel> models_to_ask(const Session& session, const Configuration& c) {
  std::vector<LanguageModel> models;
  const auto dtype = weights_dtype(c.model.dtype);
  const auto &target = c.model.endpoint, &unlearned = c.endpoint.unlearned;
  models.push_back(target.url.empty() ? open_model(session, c, c.model.path, dtype)
                                      : open_remote(session, c, target, tokenizer_of_endpoint(c)));
  if (!unlearned.url.empty())
    models.push_back(open_remote(session, c, unlearned, tokenizer_of_unlearned(c, c.ask.unlearned)));
  else if (!c.ask.unlearned.empty()) models.push_back(open_model(session, c, c.ask.unlearned, dtype));
  UNPACT_VALIDATE(models.front().tokenizer->checksum() == models.back().tokenizer->checksum(),
                  "the two models have different tokenizers", "their contributions belong to different tokens",
                  "give the unlearned model that came from this target");
  return models;
}

}  // namespace unpact
