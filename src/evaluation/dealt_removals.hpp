#pragma once
/// Leave-one-out of many questions, dealt over the ranks removal by removal.
#include <string>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/evaluation/attribute_questions.hpp"

namespace unpact {

/// Questions first .. last-1 of all, which are attributed in one go.
struct QuestionRange {
  const std::vector<AskedQuestion>& questions;
  const AnswerSets& answers;  ///< of all questions
  std::size_t first = 0, last = 0;
  std::string label;    ///< what progress and errors call it
  bool is_kept = true;  ///< in pages: then a stop waits for the end of the range, which is a page
  /// Called between two prompts. @throws StoppedAtCheckpoint where nothing is kept and a stop is wanted.
  void heed_stop() const {
    if (!is_kept) leave_where_stop_is_wanted(label);
  }
};

/// Calls run() and adds to its errors which question of which step they are about. @param question of all.
template <typename Run>
auto naming_question(const QuestionRange& range, std::size_t question, const Run& run) {
  const auto where = [&] { return concat(range.label, ", ", name_of_question(range.questions, question), ": "); };
  try {
    return run();
  } catch (const UserError& error) {
    throw UserError(where() + error.problem(), error.reason(), error.hint());
  } catch (const RuntimeFailure& error) {
    throw RuntimeFailure(where() + error.problem(), error.reason(), error.hint());
  }
}

/// For each question of the range one result an answer; what answers of a question share is computed once, and an empty
/// answer gives an empty result. Where whole words or sentences are taken out, each of their tokens gets the row of its
/// unit. Collective over `group`: removals are dealt by cost, one question's too when it is long. Results do not depend on
/// the number of ranks (their work counters do: a rank that meets a context for the first time runs it).
std::vector<std::vector<RemovalScores>> deal_removals(const Communicator& group, const Transformer& model,
                                                      const LeaveOneOutEngine& engine, const QuestionRange& range);

}  // namespace unpact
