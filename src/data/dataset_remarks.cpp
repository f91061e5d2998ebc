#include <map>

#include "unpact/core/error.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

/// Text of a question as it is put -> where it stands first.
using Seen = std::map<std::string, std::string>;

std::string place_of(const QuestionAnswer& pair) { return pair.where.empty() ? "an entry" : pair.where; }

std::string example_of(const std::string& first, const QuestionAnswer& second) {
  return concat(" (\"", shortened(second.question), "\": ", first, " and ", place_of(second), ")");
}

Seen note_duplicates(const std::vector<QuestionAnswer>& questions, const char* set, std::vector<std::string>& remarks) {
  Seen seen;
  std::size_t count = 0;
  std::string example;
  for (const auto& pair : questions) {
    const auto [first, is_new] = seen.try_emplace(question_text(pair.question, pair.choices), place_of(pair));
    if (is_new) continue;
    if (count++ == 0) example = example_of(first->second, pair);
  }
  if (count > 0)
    remarks.push_back(concat(count, count == 1 ? " question of the " : " questions of the ", set,
                             count == 1 ? " set stands" : " set stand", " there more than once", example,
                             ": every copy counts"));
  return seen;
}

}  // namespace

std::vector<std::string> dataset_remarks(const Dataset& dataset) {
  std::vector<std::string> remarks;
  const auto forget = note_duplicates(dataset.forget_questions, "forget", remarks);
  note_duplicates(dataset.retain_questions, "retain", remarks);
  std::size_t count = 0;
  std::string example;
  for (const auto& pair : dataset.retain_questions) {
    const auto found = forget.find(question_text(pair.question, pair.choices));
    if (found != forget.end() && count++ == 0) example = example_of(found->second, pair);
  }
  if (count > 0)
    remarks.push_back(concat(count, count == 1 ? " question is" : " questions are",
                             " in the forget set and in the retain set", example,
                             ": what is unlearned is trained as well, and counts as destroyed"));
  return remarks;
}

}  // namespace unpact
