#include "jobs/probe/question_lines.hpp"

#include "unpact/core/checksum.hpp"
#include "unpact/core/json.hpp"

namespace unpact {
namespace {

std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json open_line(const std::string& question) {
  return {{"question", question}, {"question_sha256", sha256_of_bytes(question)},
          {"split", "forget"},    {"probe", "attack"},
          {"attempt", ""},        {"prompt", ""}};
}

/// The candidates of question q that are KeyTokens, as the tokenizer writes them.
Json key_tokens_of(const CellRecord& cell, std::size_t q) {
  Json keys = Json::array();
  const auto& prompts = cell.questions;
  const auto is_key = cell.target.own.is_key_token.row(q), is_candidate = prompts.is_candidate.row(q);
  const auto first = prompts.token_ids.offsets[q];
  for (std::size_t i = 0, candidate = 0; i < is_candidate.size(); ++i) {
    if (is_candidate[i] == 0) continue;
    if (candidate < is_key.size() && is_key[candidate] != 0) keys.push_back(prompts.pieces[first + i]);
    ++candidate;
  }
  return keys;
}

Json attempts_of(const CellRecord& cell, std::size_t q) {
  Json attempts = Json::array();
  for (const auto& probe : cell.probes) {
    const auto width = probe.attempt_labels.size();
    for (std::size_t p = 0; p < probe.question.size(); ++p) {
      if (probe.question[p] != q) continue;
      for (std::size_t i = p * width; i < (p + 1) * width; ++i)
        attempts.push_back({{"probe", probe.name},
                            {"attempt", probe.attempt_labels[i % width]},
                            {"prompt", i < probe.put.size() ? probe.put[i] : ""},
                            {"answer", probe.answer[i]},
                            {"score", probe.score[i]},
                            {"right", probe.is_right[i] != 0}});
    }
  }
  return attempts;
}

}  // namespace

std::string question_lines(const std::vector<QuestionAnswer>& questions) {
  std::string text;
  for (const auto& pair : questions) {
    auto line = open_line(pair.question);
    line["gold_answer"] = pair.answer;
    if (!pair.subject.empty()) line["subject"] = pair.subject;
    if (!pair.choices.empty()) line["options"] = pair.choices;
    text += line_of(line);
  }
  return text;
}

std::string question_lines(const CellRecord& cell) {
  static const char* const outcomes[] = {"unknown", "retained", "forgotten", "kept", "destroyed"};
  std::string text;
  for (std::size_t q = 0; q < cell.questions.question.size(); ++q) {
    if (cell.questions.split[q] != static_cast<std::uint8_t>(Split::forget)) continue;
    auto line = open_line(cell.questions.question[q]);
    line["gold_answer"] = cell.questions.gold_answer[q];
    line["outcome"] = outcomes[cell.outcome[q]];
    line["key_tokens"] = key_tokens_of(cell, q);
    line["target_answer"] = cell.target.answer[q];
    line["unlearned_answer"] = cell.unlearned.answer[q];
    line["attempts"] = attempts_of(cell, q);
    text += line_of(line);
  }
  return text;
}

std::string attempt_lines(const std::vector<QuestionAnswer>& questions, const WrittenAttempts& written,
                          const std::string& made_by) {
  std::string text;
  for (const auto& line : written.lines)
    text += line_of({{"question", questions[line.question].question},
                     {"question_sha256", sha256_of_bytes(questions[line.question].question)},
                     {"split", "forget"},
                     {"probe", "paraphrase"},
                     {"attempt", line.attempt},
                     {"prompt", line.prompt},
                     {"made_by", made_by}});
  return text;
}

}  // namespace unpact
