#pragma once
/// Which model answers over HTTP, and how it is asked.
#include <cstdint>
#include <string>

#include "unpact/core/enumeration.hpp"

namespace unpact {

/// What an endpoint speaks; src/endpoint/protocols has a file for each.
enum class EndpointKind : std::uint8_t { vllm, sglang, openai_echo, openai_text };
UNPACT_ENUMERATION(EndpointKind, "vllm", "sglang", "openai_echo", "openai_text");

struct EndpointAddress {
  std::string url;  ///< http(s)://host:port, with a path in front of the protocol's where there is one; empty: none
  EndpointKind kind = EndpointKind::vllm;
  std::string name;                                  ///< of the model there; empty: the only one
  std::string key_variable = "UNPACT_ENDPOINT_KEY";  ///< environment variable that may hold a key
};

/// How endpoints are asked. No number depends on it but by the endpoint's own noise.
struct EndpointOptions {
  std::int64_t requests = 8;          ///< under way at once, over all ranks
  std::int64_t batch = 256;           ///< sequences of a request
  std::int64_t batch_tokens = 65536;  ///< ids of a request, unless one sequence has more
  double timeout = 300;               ///< seconds of one attempt
  std::int64_t retries = 6;           ///< further attempts where the endpoint is busy or cannot be reached
  double noise = 0.02;                ///< nats by which equal sequences may differ without a warning
  std::int64_t context = 0;           ///< ids of the longest sequence; 0: as the endpoint or the local config.json says
  std::string certificates;           ///< file of certificates to trust (PEM); empty: the system's
  /// Of the unlearned model of ask and evaluate.
  EndpointAddress unlearned{"", EndpointKind::vllm, "", "UNPACT_UNLEARNED_ENDPOINT_KEY"};
};

/// @throws UserError for an address that is none, or holds a name, password or query: keys come from the environment alone.
/// @param option names it in messages.
void check_endpoint_url(const std::string& url, const std::string& option);

}  // namespace unpact
