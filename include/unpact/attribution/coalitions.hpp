#pragma once
/// LP of an answer when only some candidates are left in the prompt: the ids of the others are taken out of the
/// sequence and later positions move up, as in leave-one-out.
///
/// Legend: n candidates, T answer tokens.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/transformer.hpp"

namespace unpact {

using Coalition = std::vector<std::uint8_t>;  ///< n flags: 1 for a candidate that stays

/// Scores coalitions of one task. The context in front of the candidates (template, in-context examples) runs once;
/// equal coalitions are scored once, over all calls.
class CoalitionScorer {
 public:
  /// @param model and task must outlive the scorer. @throws UserError for a task without meaning, or a prompt that
  /// consists of candidates alone: without them the answer would have nothing in front of it.
  CoalitionScorer(const Transformer& model, const AttributionTask& task, std::size_t token_budget);

  /// LP of each coalition, nats per answer token. @throws RuntimeFailure for one that is not finite.
  std::vector<double> score(const std::vector<Coalition>& coalitions);
  double score(const Coalition& coalition) { return score(std::vector<Coalition>{coalition}).front(); }

  std::size_t candidates() const { return task_.candidates(); }
  /// Positions run so far; `positions_naive` is what one full pass a different coalition would have run.
  const AttributionWork& work() const { return work_; }

 private:
  std::vector<TokenId> suffix(const Coalition& coalition) const;
  void run(const std::vector<Coalition>& coalitions);
  void run_remotely(const RemoteModel& remote, const std::vector<Coalition>& coalitions);

  const Transformer& model_;
  const AttributionTask& task_;
  std::size_t token_budget_, shared_;  ///< positions in front that all coalitions share and that predict no answer token
  RecordingContext recording_;
  std::map<std::string, double> known_;  ///< by the flags as bytes
  AttributionWork work_;
};

}  // namespace unpact
