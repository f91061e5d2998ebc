#pragma once
/// A model that answers over HTTP. What is sent are token ids, never text that the other side would cut anew: removing an id
/// is then what it is for a local model (design 2.1). A kind that takes text alone (openai_text) is sent the ids' text, and
/// whole words are removed from it under another name (word_removal). docs/endpoints.md is this for people.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/endpoint/endpoint_options.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// What a first look at an endpoint finds.
struct EndpointFacts {
  std::string name;          ///< of the model
  std::string root;          ///< where the server says that it has it from; empty: it does not say
  std::int64_t context = 0;  ///< ids of a sequence with what is written behind it; 0: it does not say
  double noise = 0;          ///< largest difference between equal sequences in batches of different size and order, nats
};

/// Asks what is served there, whether text has the same ids there as here, whether ids come back as they were sent, and
/// whether equal sequences get equal numbers whatever stands beside them; more noise than options.noise is a warning that
/// names what to switch off. One rank. @throws UserError when the endpoint cannot be used: nobody listens, a web page
/// answers, another model is served, it gives no log-probabilities, tokens disagree, a key is missing.
EndpointFacts look_at_endpoint(const EndpointAddress& address, const EndpointOptions& options, const Tokenizer& tokenizer);

/// @param together requests under way at once, of this rank. @param stops ids that end an answer. @param tokenizer of kinds
/// that take text alone; else it may be null.
std::shared_ptr<const RemoteModel> open_endpoint(const EndpointAddress& address, const EndpointOptions& options,
                                                 const EndpointFacts& facts, std::vector<TokenId> stops,
                                                 std::size_t together, std::shared_ptr<const Tokenizer> tokenizer = nullptr);

/// Vocabulary, context, BOS and stop ids: of config.json and generation_config.json in the tokenizer's folder where they are,
/// of any architecture, else of the tokenizer. The context is the shortest that anybody names.
/// @throws UserError for broken files, or where nobody says how long the context is.
ModelConfig config_of_endpoint(const std::filesystem::path& folder, const Tokenizer& tokenizer, const EndpointFacts& facts,
                               const EndpointOptions& options);

/// SHA-256 of what config_of_endpoint() takes from files: stands for config_checksum().
std::string config_checksum_of_endpoint(const ModelConfig& config);

/// The share of `all` requests that one rank has under way, at least one.
std::size_t requests_of_rank(std::int64_t all, int rank, int ranks);

}  // namespace unpact
