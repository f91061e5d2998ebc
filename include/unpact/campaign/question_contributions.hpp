#pragma once
/// What the frozen target's answers to the questions of a training owe to each prompt token: of which token weights
/// (method.weighting = attribution) and phrasings (unlearn.phrased) are made.
///
/// Legend: n candidate tokens of a question, T targets of its example: the gold answer's tokens and the end behind them.
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "unpact/attribution/key_tokens.hpp"
#include "unpact/attribution/method.hpp"
#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Of one question, as it is trained: without in-context examples.
struct QuestionContributions {
  std::vector<std::uint8_t> is_key_token;  ///< n; by contributions to the answer's own tokens, as everywhere
  std::vector<std::string> key_words;      ///< the words behind the KeyTokens
  std::vector<float> log_probabilities;    ///< (n+1) x T, row-major, the whole question first; nats
  std::vector<float> whole, joint;  ///< T: of the whole question, and without all KeyTokens; empty where there are none

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.is_key_token, self.key_words, self.log_probabilities, self.whole, self.joint);
  }
};

/// One a question; those of the retain set's trained half alone, and none where only the forget set was asked for. A
/// question that the model's context does not hold has empty ones.
struct TrainedContributions {
  std::vector<QuestionContributions> forget, retain;
};

/// Contributions of single tokens by exact leave-one-out. Collective over `group`; the same on every rank, whatever their
/// number. @param label what progress and errors call it.
std::vector<QuestionContributions> contributions_of(const Communicator& group, const LanguageModel& model,
                                                    const std::vector<AskedQuestion>& questions, const KeyTokenOptions& keys,
                                                    const AttributionMethod& leave_one_out, const std::string& label);

/// Whether the configured unlearning asks for them.
bool needs_contributions(const Configuration& configuration);

/// The questions that it asks for them: the forget set's, then with unlearn.phrased those of the retain set that are trained on.
std::vector<AskedQuestion> questions_to_attribute(const Configuration& configuration, const Dataset& dataset,
                                                  const Tokenizer& tokenizer, const PromptTemplate& prompt_template);

/// The stage of a cell in which they are computed.
inline constexpr const char* kContributionsStage = "forget_attribution";

/// Those of a configuration's unlearning, in pages in `place`/NAME.contributions-DIGEST, by the digest of all that they
/// depend on (the target's weights, the questions' tokens, the KeyTokens' floors, the dtype): found there, they are not
/// computed again, and the target is not loaded. Empty where nothing asks for them. Collective over the session's world.
/// @param target mapped. @param claims the root's, as in prepare_baseline().
TrainedContributions contributions_to_train(const Session& session, const Configuration& configuration,
                                            const Dataset& dataset, const LanguageModel& target,
                                            const std::filesystem::path& place, Claims* claims = nullptr);

}  // namespace unpact
