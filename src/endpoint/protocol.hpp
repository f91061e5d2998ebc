#pragma once
/// What an endpoint is sent, and how its answers are read. A protocol is a file in protocols/ and a row of the table.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "unpact/core/json.hpp"
#include "unpact/endpoint/endpoint_options.hpp"
#include "http_client.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// All that reads: @throws UserError for an answer that is not what the protocol says, naming what is wrong.
class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual HttpRequest score(const std::string& model, std::span<const ScoredIds> sequences) const = 0;
  /// One result a sequence. Ids that the endpoint repeats must be those that were sent.
  virtual std::vector<IdScores> read_scores(const Json& reply, std::span<const ScoredIds> sequences) const = 0;

  /// @param stops ids that end an answer.
  virtual HttpRequest answer(const std::string& model, std::span<const RemotePrompt> prompts, const RemoteSampling& sampling,
                             const std::vector<TokenId>& stops) const = 0;
  virtual std::vector<std::vector<TokenId>> read_answers(const Json& reply, std::size_t prompts) const = 0;

  /// Asks for the ids that a text has there; they may begin with BOS.
  virtual HttpRequest encode(const std::string& model, const std::string& text) const = 0;
  virtual std::optional<std::vector<TokenId>> read_encoding(const Json& reply) const = 0;
  /// How many tokens a text has there, BOS included; of protocols that say no ids.
  virtual std::optional<std::size_t> read_count(const Json&) const { return std::nullopt; }
};

struct ProtocolRow {
  EndpointKind kind;
  std::size_t most_sequences;  ///< of a request, by the server's own bound
  std::string steadier;        ///< what to switch off where equal sequences get different numbers
  std::string needs;           ///< what lets the server give log-probabilities of prompts
  bool takes_text_only;        ///< it cuts texts itself, and is sent nothing else
  /// @param tokenizer heeded by those that take text only; it must outlive what is made.
  std::unique_ptr<const Protocol> (*make)(const Tokenizer* tokenizer);
};

const ProtocolRow& protocol_of(EndpointKind kind);

std::unique_ptr<const Protocol> make_vllm();
std::unique_ptr<const Protocol> make_sglang();
std::unique_ptr<const Protocol> make_openai_echo();
std::unique_ptr<const Protocol> make_openai_text(const Tokenizer& tokenizer);

}  // namespace unpact
