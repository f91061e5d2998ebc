#include "answer_details.hpp"

#include <map>

#include "entries.hpp"
#include "unpact/core/error.hpp"
#include "unpact/text/unicode.hpp"

namespace unpact {
namespace {

/// A text or a list of texts; none where the field is missing or null.
std::vector<std::string> texts_of(const Json& entry, const char* key, const std::string& where) {
  std::vector<std::string> texts;
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return texts;
  const auto add = [&](const Json& value) {
    UNPACT_VALIDATE(value.is_string(), concat(where, ": field '", key, "' has the wrong type"),
                    concat("expected a text or a list of texts, found a JSON ", value.type_name()), "correct that field");
    texts.push_back(value.get<std::string>());
    require_text(texts.back(), concat("field '", key, "'"), where);
  };
  if (!found->is_array()) add(*found);
  else
    for (const auto& value : *found) add(value);
  return texts;
}

/// Bytes at which the characters of a text begin, and its end.
std::vector<std::size_t> character_bounds(const std::string& text) {
  std::vector<std::size_t> bounds = {0};
  while (bounds.back() < text.size()) bounds.push_back(bounds.back() + character_at(text, bounds.back()).bytes.size());
  return bounds;
}

std::vector<std::string> spans_of(const Json& entry, const std::string& answer, const std::string& where) {
  std::vector<std::string> texts;
  const auto found = entry.find("spans");
  if (found == entry.end() || found->is_null()) return texts;
  UNPACT_VALIDATE(found->is_array(), concat(where, ": field 'spans' has the wrong type"),
                  concat("expected a list of {\"start\", \"end\"}, found a JSON ", found->type_name()),
                  "correct that field");
  const auto bounds = character_bounds(answer);
  for (const auto& span : *found) {
    const auto start = require_integer(span, "start", where), end = require_integer(span, "end", where);
    UNPACT_VALIDATE(start >= 0 && start < end && end < static_cast<std::int64_t>(bounds.size()),
                    concat(where, ": a span goes from ", start, " to ", end),
                    concat("the answer has ", bounds.size() - 1, " characters"),
                    "spans count characters from 0, the end left out");
    const auto begin = bounds[static_cast<std::size_t>(start)];
    texts.push_back(answer.substr(begin, bounds[static_cast<std::size_t>(end)] - begin));
    require_text(texts.back(), "a span", where);
  }
  return texts;
}

void add_to(std::vector<std::string>& all, std::vector<std::string> more) {
  for (auto& text : more) all.push_back(std::move(text));
}

}  // namespace

void read_answer_details(const Json& entry, const std::string& where, QuestionAnswer& pair) {
  add_to(pair.entities, texts_of(entry, "entity", where));
  add_to(pair.entities, spans_of(entry, pair.answer, where));
  add_to(pair.paraphrased, texts_of(entry, "paraphrased_answer", where));
  add_to(pair.perturbed, texts_of(entry, "perturbed_answer", where));
}

void add_details(const std::filesystem::path& file, Dataset& dataset) {
  std::map<std::string, std::vector<QuestionAnswer*>> by_question;
  for (auto* set : {&dataset.forget_questions, &dataset.retain_questions})
    for (auto& pair : *set) by_question[pair.question].push_back(&pair);
  for_each_entry(file, EntryForm::lines, [&](const Json& entry, const std::string& where) {
    const auto question = text_field(entry, "question", where);
    const auto found = by_question.find(question);
    UNPACT_VALIDATE(found != by_question.end(), concat(where, ": the dataset has no question \"", shortened(question), "\""),
                    "dataset.details says more of the questions that are there", "take the line out, or correct its text");
    for (auto* pair : found->second) read_answer_details(entry, where, *pair);
  });
}

}  // namespace unpact
