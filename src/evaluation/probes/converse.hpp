#pragma once
/// Attempts of several turns, some of which the model says itself.
#include <cstddef>
#include <string>
#include <vector>

#include "unpact/evaluation/probe.hpp"

namespace unpact {

/// One attempt.
struct Conversation {
  std::size_t p = 0, place = 0;  ///< which probed question's, which of its attempts
  WrittenAttempt written;
};

/// One greedy answer a conversation, to the user's last turn; turns of the model's own ({answer}) are answered one after the
/// other before. Fills the record's asked, answers, prompts and tokens, which count the earlier turns; `put` has the turns as
/// they were written: what the model says itself, nobody tells it. @param task with as many attempts as the record has labels.
/// Collective over the task's group; the same on every rank.
void converse(const ProbeTask& task, const GenerationOptions& generation, const std::vector<Conversation>& conversations,
              ProbeRecord& record);

}  // namespace unpact
