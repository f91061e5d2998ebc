#pragma once
/// A model whose weights lie elsewhere: it is asked for log-probabilities of token ids and for answers, and for nothing else.
/// A Transformer stands for it wherever models are asked (scoring, generation, removal of tokens); what needs weights or
/// hidden states refuses it by name.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/model/transformer.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// A sequence whose last `scored` ids are asked for; at least one id stands in front of them.
struct ScoredIds {
  std::vector<TokenId> ids;
  std::size_t scored = 0;
};

/// Of each scored id, given all in front of it.
struct IdScores {
  std::vector<float> log_probabilities;    ///< nats
  std::vector<std::uint8_t> is_likeliest;  ///< 1: no other id is likelier; empty: who answers does not say
};

struct RemotePrompt {
  std::vector<TokenId> ids;
  std::uint64_t seed = 0;  ///< of samples
};

struct RemoteSampling {
  std::int64_t max_new_tokens = 32;
  bool sample = false;  ///< greedy otherwise
  double temperature = 1.0, top_p = 1.0;
};

/// Not collective: each rank asks for itself. All calls: @throws UserError where the answer cannot be used,
/// RuntimeFailure when nobody answers, StoppedAtCheckpoint when asked to stop while waiting for the next attempt.
class RemoteModel {
 public:
  virtual ~RemoteModel() = default;
  /// One result a sequence. Equal sequences are asked as often as they are given.
  virtual std::vector<IdScores> score(const std::vector<ScoredIds>& sequences) const = 0;
  /// The new ids of each prompt, up to the stop id, which may be among them.
  virtual std::vector<std::vector<TokenId>> answer(const std::vector<RemotePrompt>& prompts,
                                                   const RemoteSampling& sampling) const = 0;
  virtual std::string name() const = 0;  ///< for people
  /// Whether it is sent the text of the ids, which it cuts into tokens of its own: taking out ids then means nothing.
  virtual bool takes_text_only() const { return false; }
  virtual std::string identity()
      const = 0;  ///< SHA-256 of what is known of which model it is: stands for its weights' checksum
};

/// Scores per call that keep an engine's requests under way: questions that are attributed at once.
inline constexpr std::size_t kRemoteQuestions = 16;

/// Stands for the model. @param config of vocabulary, context, BOS and stop ids; what it says of layers is not heeded.
Transformer remote_transformer(ModelConfig config, std::shared_ptr<const RemoteModel> remote);

/// The model that `model` stands for; null: its weights are here.
const RemoteModel* remote_of(const Transformer& model);

/// @throws UserError for a model that answers elsewhere. @param what needs weights, e.g. "attribution.method = lrp".
void require_weights(const Transformer& model, const std::string& what);

}  // namespace unpact
