#pragma once
/// What a model is asked about an answer, as tokens.
#include <string>
#include <vector>

#include "unpact/evaluation/judge.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

/// Makes prompts behind which a model says yes or no.
class VerdictPrompts {
 public:
  /// @throws UserError where the tokenizer makes the same tokens of judge.yes and judge.no, or none of one of them.
  VerdictPrompts(const JudgeOptions& options, const Tokenizer& tokenizer);

  /// BOS where the tokenizer has one, the question with its fields filled in, and what yes and no begin with alike. What
  /// it is filled with cannot name special tokens.
  std::vector<TokenId> prompt(const QuestionAnswer& question, const std::string& answer) const;

  /// The first tokens in which the two differ.
  TokenId yes() const { return yes_; }
  TokenId no() const { return no_; }

 private:
  const Tokenizer& tokenizer_;
  std::string text_;
  std::vector<TokenId> both_;
  TokenId yes_ = 0, no_ = 0;
};

}  // namespace unpact
