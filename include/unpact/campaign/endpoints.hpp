#pragma once
/// Jobs whose target or unlearned model answers over HTTP.
#include <filesystem>
#include <string>

#include "unpact/campaign/session.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Where the tokenizer of a target behind model.endpoint lies: model.tokenizer, else model.path.
std::filesystem::path tokenizer_of_endpoint(const Configuration& configuration);

/// The same of endpoint.unlearned. @param folder what the job names of the unlearned model; empty: the target's tokenizer.
std::filesystem::path tokenizer_of_unlearned(const Configuration& configuration, const std::string& folder);

/// Tells the metrics where a model of this job answers over HTTP. @throws UserError where its tokenizer is not named.
void heed_endpoints(Configuration& configuration);

/// A model that answers over HTTP, as look_at_endpoint() finds it, which the root does for all; its checksum stands for what is
/// known of which model it is. Ranks share endpoint.requests as the root has it. Collective over the session's world.
/// @throws UserError on every rank, as look_at_endpoint() and config_of_endpoint().
LanguageModel open_remote(const Session& session, const Configuration& configuration, const EndpointAddress& address,
                          const std::filesystem::path& tokenizer);

/// The unlearned model of evaluate: mapped (map_alike), or behind endpoint.unlearned. Collective as these.
LanguageModel map_unlearned(const Session& session, const Configuration& configuration);

}  // namespace unpact
