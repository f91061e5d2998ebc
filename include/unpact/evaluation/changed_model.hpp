#pragma once
/// Answers of models that a probe makes of the probed one: quantized, trained further, with vectors in front of questions.
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "unpact/evaluation/probe.hpp"

namespace unpact {

struct MadeModel {
  LanguageModel model;
  double loss = std::numeric_limits<double>::quiet_NaN();  ///< of the last step of its training
  std::int64_t tokens = 0;                                 ///< that were trained on since the attempt before
};

/// One such model, which answers as attempt `attempt` of every asked question.
struct ChangedModel {
  std::string name;  ///< of its page: letters, digits, _
  std::size_t attempt = 0;
  std::function<MadeModel()> make;  ///< called where the page is missing; collective over the task's group
  /// What stands for a question; empty: its prompt.
  std::function<std::vector<TokenId>(const AskedQuestion&)> prompt = {};
};

/// Greedy answers to the questions that record.asked has, in the record's places, with the tokens that they took and an
/// equal share of those of the training, which count three times: with the backward pass. The record's labels are there. All
/// answers of the model are a page. record.put and record.prompt are left to the plain questions. Collective over the task's
/// group; the same on every rank. @return the loss.
double answer_by(const ProbeTask& task, const GenerationOptions& generation, const ChangedModel& changed,
                 ProbeRecord& record);

}  // namespace unpact
