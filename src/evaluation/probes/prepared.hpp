#pragma once
/// Probes that prepare a prompt an attempt and take the greedy answer.
#include <optional>
#include <string>
#include <vector>

#include "unpact/evaluation/probe.hpp"

namespace unpact {

struct PreparedAttempt {
  std::string put;  ///< the question as it is put, with all that the probe says around it
  std::vector<TokenId> prompt;
  std::string gold = {};  ///< what a right answer is, where it is not the dataset's
  std::size_t spent = 0;  ///< tokens that ran to prepare it
};

class PreparedProbe : public Probe {
 public:
  explicit PreparedProbe(const GenerationOptions& generation) : generation_(generation) {}
  void attempt(const ProbeTask& task, ProbeRecord& record) const override;

 protected:
  /// m names.
  virtual std::vector<std::string> labels(const ProbeTask& task) const = 0;
  /// Attempt a of probed question p; none where the probe has nothing to ask it with. The same on every rank.
  virtual std::optional<PreparedAttempt> prepare(const ProbeTask& task, std::size_t p, std::size_t a) const = 0;
  /// How a question that has attempts came to them.
  virtual Asked asked_as(const ProbeTask&, std::size_t) const { return Asked::yes; }

 private:
  GenerationOptions generation_;
};

/// Whether the model's context holds the prompt and an answer.
bool fits(const ProbeTask& task, const GenerationOptions& generation, const std::vector<TokenId>& prompt);

/// Greedy answers to what was prepared, in the record's places, and the tokens that they took. Attempts that the model's context
/// does not hold are not made, which a warning counts; a question that none is left of counts as not asked. @param slots the
/// place in P x m of each attempt. @param record with `asked`.
void answer_prepared(const ProbeTask& task, const GenerationOptions& generation, std::vector<PreparedAttempt> attempts,
                     std::vector<std::size_t> slots, ProbeRecord& record);

}  // namespace unpact
