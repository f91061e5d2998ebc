// vLLM's /v1/completions with prompt_logprobs (vllm/entrypoints/openai/protocol.py; research: evaluation, D.1). Choices come
// in the order of the prompts; prompt_logprobs has null for the first token, then {"ID": {"logprob", "rank", ...}}.
#include <algorithm>
#include <cstdint>

#include "../protocol.hpp"
#include "../reply.hpp"
#include "completions.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

/// Neutral whatever the model's generation_config.json says, which vLLM takes as defaults.
Json plain(const std::string& model) {
  return {{"model", model},
          {"add_special_tokens", false},
          {"return_token_ids", true},
          {"repetition_penalty", 1.0},
          {"presence_penalty", 0.0},
          {"frequency_penalty", 0.0},
          {"top_k", -1},
          {"min_p", 0.0}};
}

class Vllm : public Protocol {
 public:
  HttpRequest score(const std::string& model, std::span<const ScoredIds> sequences) const override {
    auto body = plain(model);
    completions::put_sequences(body, sequences);
    completions::ask_one_token(body);
    body["prompt_logprobs"] = 0;  // that of the prompt's own token alone
    return {completions::kPath, body.dump()};
  }

  std::vector<IdScores> read_scores(const Json& reply, std::span<const ScoredIds> sequences) const override {
    const auto choices = reply::choices_in_order(reply, sequences.size());
    std::vector<IdScores> scores;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto& ids = reply::field(*choices[i], "prompt_token_ids");
      if (!ids.is_null()) reply::require_same_ids(ids_of(ids), sequences[i].ids);
      scores.push_back(read_one(reply::field(*choices[i], "prompt_logprobs"), sequences[i]));
    }
    return scores;
  }

  HttpRequest answer(const std::string& model, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                     const std::vector<TokenId>& stops) const override {
    return completions::answer(plain(model), prompts, sampling, stops);
  }

  std::vector<std::vector<TokenId>> read_answers(const Json& reply, std::size_t prompts) const override {
    std::vector<std::vector<TokenId>> answers;
    for (const auto* choice : reply::choices_in_order(reply, prompts)) {
      const auto& ids = reply::field(*choice, "token_ids");
      if (ids.is_null())
        reply::refuse("it has no token_ids of what the model wrote",
                      "use vLLM 0.10.1 or later, which takes return_token_ids");
      answers.push_back(ids_of(ids));
    }
    return answers;
  }

  HttpRequest encode(const std::string& model, const std::string& text) const override {
    auto body = plain(model);
    body["prompt"] = text;
    completions::ask_one_token(body);
    return {completions::kPath, body.dump()};
  }

  std::optional<std::vector<TokenId>> read_encoding(const Json& reply) const override {
    const auto& ids = reply::field(*reply::choices_in_order(reply, 1).front(), "prompt_token_ids");
    return ids.is_null() ? std::nullopt : std::optional(ids_of(ids));
  }

 private:
  static std::vector<TokenId> ids_of(const Json& json) {
    std::vector<TokenId> ids;
    for (const auto& one : reply::list(json, "token ids")) ids.push_back(reply::id(one));
    return ids;
  }

  static IdScores read_one(const Json& json, const ScoredIds& sequence) {
    if (json.is_null()) reply::refuse("it has no prompt_logprobs", protocol_of(EndpointKind::vllm).needs);
    const auto& entries = reply::list(json, "prompt_logprobs");
    if (entries.size() != sequence.ids.size())
      reply::refuse(concat("prompt_logprobs has ", entries.size(), " entries for ", sequence.ids.size(), " token ids"));
    IdScores scores;
    bool has_ranks = true;
    for (auto i = sequence.ids.size() - sequence.scored; i < sequence.ids.size(); ++i) {
      if (entries[i].is_null()) reply::log_probability(entries[i]);
      const auto& own = reply::field(entries[i], std::to_string(sequence.ids[i]).c_str());
      if (own.is_null())
        reply::refuse(concat("prompt_logprobs lacks the token id ", sequence.ids[i], " that was sent at ", i),
                      "the server mixes up prompts, or puts a token in front of them");
      scores.log_probabilities.push_back(reply::log_probability(reply::field(own, "logprob")));
      const auto& rank = reply::field(own, "rank");
      has_ranks = has_ranks && rank.is_number_integer();
      scores.is_likeliest.push_back(has_ranks && rank.get<std::int64_t>() == 1 ? 1 : 0);
    }
    if (!has_ranks) scores.is_likeliest.clear();
    return scores;
  }
};

}  // namespace

std::unique_ptr<const Protocol> make_vllm() { return std::make_unique<Vllm>(); }

}  // namespace unpact
