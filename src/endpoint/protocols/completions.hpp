#pragma once
/// What servers of OpenAI's /v1/completions have in common.
#include <span>
#include <string>
#include <vector>

#include "../protocol.hpp"
#include "unpact/core/json.hpp"

namespace unpact::completions {

inline constexpr const char* kPath = "/v1/completions";

/// Asks for the next token's place alone, greedy: of requests whose prompts are what counts. One token: not every server takes 0.
inline void ask_one_token(Json& body) {
  body["max_tokens"] = 1;
  body["temperature"] = 0;
}

inline void put_sequences(Json& body, std::span<const ScoredIds> sequences) {
  body["prompt"] = Json::array();
  for (const auto& sequence : sequences) body["prompt"].push_back(sequence.ids);
}

/// A request for answers. @param stops where a server does not know the field, what follows a stop id is cut off here.
inline HttpRequest answer(Json body, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                          const std::vector<TokenId>& stops) {
  body["prompt"] = Json::array();
  for (const auto& prompt : prompts) body["prompt"].push_back(prompt.ids);
  body["max_tokens"] = sampling.max_new_tokens;
  body["temperature"] = sampling.sample ? sampling.temperature : 0;
  body["top_p"] = sampling.sample ? sampling.top_p : 1;
  if (sampling.sample) body["seed"] = prompts.front().seed;
  body["stop_token_ids"] = stops;
  return {kPath, body.dump()};
}

}  // namespace unpact::completions
