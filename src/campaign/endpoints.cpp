#include "unpact/campaign/endpoints.hpp"

#include <memory>
#include <utility>

#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/same_inputs.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/endpoint/endpoint_model.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// What the root has found, on every rank, with its number of requests.
std::pair<EndpointFacts, std::int64_t> shared_facts(const Communicator& world, const EndpointAddress& address,
                                                    const EndpointOptions& options, const Tokenizer& tokenizer) {
  std::string text;
  on_root(world, [&] {
    const auto facts = look_at_endpoint(address, options, tokenizer);
    text = Json({facts.name, facts.root, facts.context, facts.noise, options.requests})
               .dump(-1, ' ', false, Json::error_handler_t::replace);
  });
  const auto json = parse_json(world.broadcast(text, 0), "what the root found");
  EndpointFacts facts;
  facts.name = json[0];
  facts.root = json[1];
  facts.context = json[2];
  facts.noise = json[3];
  return {facts, json[4].get<std::int64_t>()};
}

}  // namespace

fs::path tokenizer_of_endpoint(const Configuration& c) {
  return c.model.tokenizer.empty() ? c.model.path : c.model.tokenizer;
}

fs::path tokenizer_of_unlearned(const Configuration& c, const std::string& folder) {
  if (!folder.empty()) return folder;
  return c.model.endpoint.url.empty() ? fs::path(c.model.path) : tokenizer_of_endpoint(c);
}

void heed_endpoints(Configuration& c) {
  UNPACT_VALIDATE(c.model.endpoint.url.empty() || !tokenizer_of_endpoint(c).empty(),
                  "no tokenizer was given for the model behind model.endpoint",
                  "it is sent token ids, which a tokenizer here makes", "set model.tokenizer to a local folder with it");
  c.metric.of_endpoint = !c.model.endpoint.url.empty() || !c.endpoint.unlearned.url.empty();
}

LanguageModel open_remote(const Session& session, const Configuration& c, const EndpointAddress& address,
                          const fs::path& folder) {
  const auto& world = session.world();
  std::shared_ptr<const Tokenizer> tokenizer;
  fail_together(world, [&] { tokenizer = load_tokenizer(folder); });
  const auto found = shared_facts(world, address, c.endpoint, *tokenizer);
  ModelConfig config;
  std::shared_ptr<const RemoteModel> remote;
  fail_together(world, [&] {
    config = config_of_endpoint(folder, *tokenizer, found.first, c.endpoint);
    remote = open_endpoint(address, c.endpoint, found.first, config.eos_ids,
                           requests_of_rank(found.second, world.rank(), world.size()), tokenizer);
  });
  ModelChecksums sums{remote->identity(), config_checksum_of_endpoint(config)};
  LanguageModel model{remote_transformer(std::move(config), std::move(remote)), std::move(tokenizer), c.prompt.resolve(),
                      folder, std::move(sums)};
  require_same_on_ranks(world, model);
  return model;
}

LanguageModel map_unlearned(const Session& session, const Configuration& c) {
  const auto& address = c.endpoint.unlearned;
  if (address.url.empty()) return map_alike(session, c, c.evaluate.unlearned);
  return open_remote(session, c, address, tokenizer_of_unlearned(c, c.evaluate.unlearned));
}

}  // namespace unpact
