// The older OpenAI completions as vLLM, llama-cpp-python and others still serve them: echo with logprobs. token_logprobs holds
// the prompt's tokens, the first null, then the generated ones. With return_tokens_as_token_ids tokens are "token_id:17".
#include <algorithm>
#include <cstdint>

#include "../protocol.hpp"
#include "../reply.hpp"
#include "completions.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

Json plain(const std::string& model) {
  return {{"model", model}, {"logprobs", 1}, {"return_tokens_as_token_ids", true}, {"add_special_tokens", false}};
}

class OpenAiEcho : public Protocol {
 public:
  HttpRequest score(const std::string& model, std::span<const ScoredIds> sequences) const override {
    auto body = plain(model);
    completions::put_sequences(body, sequences);
    completions::ask_one_token(body);
    body["echo"] = true;
    return {completions::kPath, body.dump()};
  }

  std::vector<IdScores> read_scores(const Json& reply, std::span<const ScoredIds> sequences) const override {
    const auto choices = reply::choices_in_order(reply, sequences.size());
    std::vector<IdScores> scores;
    for (std::size_t i = 0; i < sequences.size(); ++i)
      scores.push_back(read_one(reply::field(*choices[i], "logprobs"), sequences[i]));
    return scores;
  }

  HttpRequest answer(const std::string& model, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                     const std::vector<TokenId>& stops) const override {
    return completions::answer(plain(model), prompts, sampling, stops);
  }

  std::vector<std::vector<TokenId>> read_answers(const Json& reply, std::size_t prompts) const override {
    std::vector<std::vector<TokenId>> answers;
    for (const auto* choice : reply::choices_in_order(reply, prompts)) {
      const auto& tokens = reply::list(reply::field(reply::field(*choice, "logprobs"), "tokens"), "logprobs.tokens");
      answers.push_back(ids_of(tokens, tokens.size()));
    }
    return answers;
  }

  HttpRequest encode(const std::string& model, const std::string& text) const override {
    auto body = plain(model);
    body["prompt"] = text;
    completions::ask_one_token(body);
    body["echo"] = true;
    return {completions::kPath, body.dump()};
  }

  std::optional<std::vector<TokenId>> read_encoding(const Json& reply) const override {
    const auto* choice = reply::choices_in_order(reply, 1).front();
    const auto& tokens = reply::list(reply::field(reply::field(*choice, "logprobs"), "tokens"), "logprobs.tokens");
    const auto& count = reply::field(reply::field(reply, "usage"), "prompt_tokens");
    if (!count.is_number_integer() || count.get<std::int64_t>() < 0) return std::nullopt;
    return ids_of(tokens, std::min(tokens.size(), count.get<std::size_t>()));
  }

 private:
  static std::vector<TokenId> ids_of(const Json& tokens, std::size_t count) {
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < count; ++i) {
      const auto id = reply::id_of_text(tokens[i]);
      if (!id)
        reply::refuse(
            "its tokens are texts, which do not say which ids they are",
            "use a server that takes return_tokens_as_token_ids, such as vLLM; or the kind openai_text, which removes words "
            "of the text (attribution.method = word_removal)");
      ids.push_back(*id);
    }
    return ids;
  }

  static IdScores read_one(const Json& logprobs, const ScoredIds& sequence) {
    const auto& values = reply::field(logprobs, "token_logprobs");
    if (values.is_null())
      reply::refuse("it has no log-probabilities of the prompt", protocol_of(EndpointKind::openai_echo).needs);
    const auto& tokens = reply::list(reply::field(logprobs, "tokens"), "logprobs.tokens");
    const auto length = sequence.ids.size();
    if (!values.is_array() || values.size() < length || tokens.size() < length)
      reply::refuse(concat("it has log-probabilities of ", values.size(), " tokens for ", length, " token ids"),
                    protocol_of(EndpointKind::openai_echo).needs);
    reply::require_same_ids(ids_of(tokens, length), sequence.ids);
    const auto& tops = reply::field(logprobs, "top_logprobs");
    IdScores scores;
    for (auto i = length - sequence.scored; i < length; ++i) {
      scores.log_probabilities.push_back(reply::log_probability(values[i]));
      if (tops.is_array() && tops.size() > i && tops[i].is_object() && !tops[i].empty())
        scores.is_likeliest.push_back(is_largest(tops[i], scores.log_probabilities.back()));
    }
    if (scores.is_likeliest.size() != sequence.scored) scores.is_likeliest.clear();
    return scores;
  }

  static std::uint8_t is_largest(const Json& top, float own) {
    for (const auto& value : top)
      if (value.is_number() && value.get<float>() > own) return 0;
    return 1;
  }
};

}  // namespace

std::unique_ptr<const Protocol> make_openai_echo() { return std::make_unique<OpenAiEcho>(); }

}  // namespace unpact
