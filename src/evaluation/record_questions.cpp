#include "record_questions.hpp"

#include <algorithm>

namespace unpact {

QuestionRecord record_questions(const std::vector<AskedQuestion>& questions, const Tokenizer& tokenizer) {
  QuestionRecord record;
  for (const auto& asked : questions) {
    record.split.push_back(static_cast<std::uint8_t>(asked.in_forget_set ? Split::forget : Split::retain));
    record.half.push_back(static_cast<std::uint8_t>(asked.in_forget_set ? SetHalf::whole : asked.pair.half));
    record.question.push_back(asked.pair.question);
    record.gold_answer.push_back(asked.pair.answer);
    record.prompt.push_back(asked.prompt.text);
    record.token_ids.add({asked.prompt.ids.begin(), asked.prompt.ids.end()});
    std::vector<std::uint8_t> candidate(asked.prompt.ids.size(), 0);
    std::fill(candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_begin),
              candidate.begin() + static_cast<std::ptrdiff_t>(asked.prompt.candidate_end), 1);
    record.is_candidate.add(candidate);
    for (const auto id : asked.prompt.ids) record.pieces.push_back(tokenizer.piece(id));
  }
  return record;
}

}  // namespace unpact
