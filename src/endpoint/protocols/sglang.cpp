// SGLang's native /generate (docs/basic_usage/native_api; research: evaluation, D.1). meta_info.input_token_logprobs holds
// [log p, id, text] from logprob_start_len on, where the entry at the start itself is null: numbers are asked for from one
// token in front of the first that is scored.
#include <algorithm>
#include <cstdint>

#include "../protocol.hpp"
#include "../reply.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

constexpr const char* kPath = "/generate";

class Sglang : public Protocol {
 public:
  HttpRequest score(const std::string&, std::span<const ScoredIds> sequences) const override {
    Json body = {{"input_ids", Json::array()}, {"logprob_start_len", Json::array()}};
    for (const auto& sequence : sequences) {
      body["input_ids"].push_back(sequence.ids);
      body["logprob_start_len"].push_back(sequence.ids.size() - sequence.scored - 1);
    }
    body["sampling_params"] = {{"temperature", 0}, {"max_new_tokens", 1}};
    body["return_logprob"] = true;
    body["top_logprobs_num"] = 1;
    return {kPath, body.dump()};
  }

  std::vector<IdScores> read_scores(const Json& reply, std::span<const ScoredIds> sequences) const override {
    const auto results = results_of(reply, sequences.size());
    std::vector<IdScores> scores;
    for (std::size_t i = 0; i < results.size(); ++i)
      scores.push_back(read_one(reply::field(*results[i], "meta_info"), sequences[i]));
    return scores;
  }

  HttpRequest answer(const std::string&, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                     const std::vector<TokenId>& stops) const override {
    Json body = {{"input_ids", Json::array()}, {"return_logprob", true}, {"logprob_start_len", -1}};
    for (const auto& prompt : prompts) body["input_ids"].push_back(prompt.ids);
    body["sampling_params"] = {{"temperature", sampling.sample ? sampling.temperature : 0.0},
                               {"top_p", sampling.sample ? sampling.top_p : 1.0},
                               {"top_k", -1},
                               {"max_new_tokens", sampling.max_new_tokens},
                               {"stop_token_ids", stops}};
    if (sampling.sample) body["sampling_params"]["sampling_seed"] = prompts.front().seed;
    return {kPath, body.dump()};
  }

  std::vector<std::vector<TokenId>> read_answers(const Json& reply, std::size_t prompts) const override {
    std::vector<std::vector<TokenId>> answers;
    for (const auto* result : results_of(reply, prompts))
      answers.push_back(ids_of(reply::field(reply::field(*result, "meta_info"), "output_token_logprobs")));
    return answers;
  }

  HttpRequest encode(const std::string&, const std::string& text) const override {
    const Json body = {{"text", text},
                       {"sampling_params", {{"temperature", 0}, {"max_new_tokens", 1}}},
                       {"return_logprob", true},
                       {"logprob_start_len", 0}};
    return {kPath, body.dump()};
  }

  std::optional<std::vector<TokenId>> read_encoding(const Json& reply) const override {
    return ids_of(reply::field(reply::field(*results_of(reply, 1).front(), "meta_info"), "input_token_logprobs"));
  }

 private:
  /// A list; for one prompt it may be the result itself.
  static std::vector<const Json*> results_of(const Json& reply, std::size_t count) {
    std::vector<const Json*> results;
    if (reply.is_object() && count == 1) return {&reply};
    for (const auto& result : reply::list(reply, "of results")) results.push_back(&result);
    if (results.size() != count) reply::refuse(concat("it has ", results.size(), " results for ", count, " prompts"));
    return results;
  }

  static const Json& entry(const Json& json, std::size_t at) {
    if (!json.is_array() || json.size() < 2)
      reply::refuse(concat("entry ", at, " of the token log-probabilities is no list [log p, id, text]"));
    return json;
  }

  static std::vector<TokenId> ids_of(const Json& entries) {
    std::vector<TokenId> ids;
    for (const auto& one : reply::list(entries, "of token log-probabilities"))
      ids.push_back(reply::id(entry(one, ids.size())[1]));
    return ids;
  }

  static IdScores read_one(const Json& info, const ScoredIds& sequence) {
    const auto& all = reply::field(info, "input_token_logprobs");
    if (all.is_null()) reply::refuse("it has no input_token_logprobs", protocol_of(EndpointKind::sglang).needs);
    const auto& entries = reply::list(all, "input_token_logprobs");
    if (entries.size() < sequence.scored)
      reply::refuse(concat("input_token_logprobs has ", entries.size(), " entries for ", sequence.scored, " tokens"));
    const auto& tops = reply::field(info, "input_top_logprobs");
    const bool has_tops = tops.is_array() && tops.size() == entries.size();
    const auto first = entries.size() - sequence.scored;
    IdScores scores;
    std::vector<TokenId> ids;
    for (auto i = first; i < entries.size(); ++i) {
      const auto& own = entry(entries[i], i);
      ids.push_back(reply::id(own[1]));
      scores.log_probabilities.push_back(reply::log_probability(own[0]));
      if (!has_tops || !tops[i].is_array() || tops[i].empty()) continue;
      scores.is_likeliest.push_back(reply::id(entry(tops[i][0], i)[1]) == ids.back() ? 1 : 0);
    }
    reply::require_same_ids(ids, {sequence.ids.end() - static_cast<std::ptrdiff_t>(sequence.scored), sequence.ids.end()});
    if (scores.is_likeliest.size() != sequence.scored) scores.is_likeliest.clear();
    return scores;
  }
};

}  // namespace

std::unique_ptr<const Protocol> make_sglang() { return std::make_unique<Sglang>(); }

}  // namespace unpact
