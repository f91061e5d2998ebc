#include "attempts.hpp"

#include <cctype>
#include <functional>
#include <map>
#include <set>

#include "entries.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace {

constexpr const char* kOwnAnswer = "{answer}";

/// A name of groups and rates from one of a file: "prefix injection" is prefix_injection.
std::string plain_name(const std::string& name, const std::string& where) {
  std::string plain;
  for (const char c : name) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (is_kept) plain += c;
    else if (c >= 'A' && c <= 'Z') plain += static_cast<char>(c - 'A' + 'a');
    else if (c == ' ' && !plain.empty()) plain += '_';
    else
      UNPACT_VALIDATE(c == '(' || c == ')', concat(where, ": the probe '", shortened(name), "' has no usable name"),
                      "results are filed under it: letters, digits, blanks, _ and - only", "rename the probe");
  }
  UNPACT_VALIDATE(!plain.empty() && plain.size() <= 60,
                  concat(where, ": the probe '", shortened(name), "' has no usable name"), "it has 1 to 60 characters",
                  "rename the probe");
  return plain;
}

void refuse_message(const std::string& where, const std::string& reason) {
  UNPACT_VALIDATE(false, concat(where, ": field 'messages' cannot be asked"), reason,
                  "turns are system (first, if at all), user, assistant, user ..., the last one the user's; {answer} in an "
                  "assistant's turn stands for the model's own answer");
}

void read_messages(const Json& entry, const std::string& where, WrittenAttempt& attempt) {
  const auto& messages = entry.at("messages");
  if (!messages.is_array() || messages.empty()) refuse_message(where, "it is no list of {\"role\", \"content\"}");
  for (const auto& message : messages) {
    if (!message.is_object()) refuse_message(where, "a turn is no {\"role\", \"content\"}");
    const auto role = text_field(message, "role", where);
    auto content = text_field(message, "content", where);
    if (role == "system" && attempt.turns.empty() && attempt.system.empty()) {
      attempt.system = std::move(content);
      continue;
    }
    const auto* expected = attempt.turns.size() % 2 == 0 ? "user" : "assistant";
    if (role != expected)
      refuse_message(where, concat("turn ", attempt.turns.size() + 1, " is by '", role, "', not ", expected));
    if (role == "user" && content.find(kOwnAnswer) != std::string::npos)
      refuse_message(where, "a user's turn holds {answer}");
    attempt.turns.push_back(std::move(content));
  }
  if (attempt.turns.size() % 2 == 0) refuse_message(where, "the last turn is not the user's");
}

/// RWKU's name of a question that gives the answer and asks for the subject.
bool is_reverse(const Json& entry, const std::string& where) {
  return entry.contains("query") && string_or(entry, "type", "", where) == "reverse query";
}

/// Published files say it in other fields.
WrittenAttempt attempt_of(const Json& entry, const std::string& where) {
  WrittenAttempt attempt;
  const bool is_rwku = entry.contains("query") && entry.contains("type"), is_tofu = entry.contains("paraphrased_question");
  attempt.probe = plain_name(is_rwku   ? concat("rwku ", text_field(entry, "type", where))  // there is a probe role_play
                             : is_tofu ? "paraphrase"
                                       : string_or(entry, "probe", "file", where),
                             where);
  attempt.attempt = entry.contains("attempt") && entry.at("attempt").is_number_integer()
                        ? std::to_string(entry.at("attempt").get<std::int64_t>())
                        : string_or(entry, "attempt", "", where);
  attempt.prefill = string_or(entry, "prefill", "", where);
  attempt.gold = is_reverse(entry, where) ? text_field(entry, "answer", where) : string_or(entry, "gold", "", where);
  attempt.language = string_or(entry, "language", "", where);
  attempt.made_by = string_or(entry, "made_by", "", where);
  const bool has_messages = entry.contains("messages") && !entry.at("messages").is_null();
  const auto* field = is_rwku ? "query" : is_tofu ? "paraphrased_question" : "prompt";
  UNPACT_VALIDATE(has_messages != (entry.contains(field) && !entry.at(field).is_null()),
                  concat(where, ": needs one of the fields '", field, "' and 'messages'"),
                  has_messages ? "it has both" : "it has neither", "an attempt is one text, or several turns");
  if (has_messages) read_messages(entry, where, attempt);
  else attempt.turns.push_back(text_field(entry, field, where));
  UNPACT_VALIDATE(entry.find("choices") == entry.end() || entry.at("choices").is_null(),
                  concat(where, ": field 'choices' is not read"), "choices stand in the text of the prompt",
                  "write them into the prompt and leave the field out");
  return attempt;
}

/// A question of `unpact probe --export` that nobody has written an attempt for.
bool is_open(const Json& entry) {
  const auto prompt = entry.find("prompt");
  return prompt != entry.end() && prompt->is_string() && prompt->get_ref<const std::string&>().empty() &&
         !entry.contains("messages");
}

/// Whether the text has this phrase between blanks and marks.
bool names(const std::string& text, const std::string& phrase) {
  const auto in_word = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || (text[at] & 0x80) != 0);
  };
  for (auto at = text.find(phrase); !phrase.empty() && at != std::string::npos; at = text.find(phrase, at + 1))
    if (!(at > 0 && in_word(at - 1)) && !in_word(at + phrase.size())) return true;
  return false;
}

/// Finds questions by their text, its SHA-256, or what RWKU has: the answer, and the subject where both name one.
class Questions {
 public:
  explicit Questions(Dataset& dataset) : dataset_(dataset) {
    for (auto& pair : dataset.forget_questions) {
      by_text_[pair.question].push_back(&pair);
      by_text_[sha256_of_bytes(pair.question)].push_back(&pair);
      by_answer_[pair.answer].push_back(&pair);
    }
  }
  std::vector<QuestionAnswer*> find(const Json& entry, const std::string& where) const {
    if (entry.contains("question_sha256")) return found(by_text_, text_field(entry, "question_sha256", where));
    if (entry.contains("question") || !entry.contains("query")) return found(by_text_, text_field(entry, "question", where));
    const auto subject = string_or(entry, "subject", "", where);
    auto pairs = is_reverse(entry, where) ? answered_in(text_field(entry, "query", where))
                                          : found(by_answer_, text_field(entry, "answer", where));
    std::erase_if(pairs,
                  [&](const auto* pair) { return !subject.empty() && !pair->subject.empty() && pair->subject != subject; });
    return pairs;
  }

 private:
  using Map = std::map<std::string, std::vector<QuestionAnswer*>>;
  static std::vector<QuestionAnswer*> found(const Map& map, const std::string& key) {
    const auto at = map.find(key);
    return at == map.end() ? std::vector<QuestionAnswer*>{} : at->second;
  }
  std::vector<QuestionAnswer*> answered_in(const std::string& query) const {
    std::vector<QuestionAnswer*> pairs;
    for (auto& pair : dataset_.forget_questions)
      if (names(query, pair.answer)) pairs.push_back(&pair);
    return pairs;
  }
  Dataset& dataset_;
  Map by_text_, by_answer_;
};

void add_to(QuestionAnswer& pair, WrittenAttempt attempt, const std::string& where) {
  std::size_t of_probe = 0;
  for (const auto& other : pair.attempts) {
    if (other.probe != attempt.probe) continue;
    ++of_probe;
    UNPACT_VALIDATE(
        attempt.attempt.empty() || other.attempt != attempt.attempt,
        concat(where, ": attempt '", shortened(attempt.attempt), "' of probe '", attempt.probe, "' is there twice"),
        concat("for the question \"", shortened(pair.question), "\""), "give each attempt its own name");
  }
  if (attempt.attempt.empty()) attempt.attempt = std::to_string(of_probe + 1);
  pair.attempts.push_back(std::move(attempt));
}

/// @param each calls its argument with every entry of what `where` names.
std::vector<std::string> attempts_of_entries(const std::string& where, Dataset& dataset,
                                             const std::function<void(const ReadEntry&)>& each) {
  const Questions questions(dataset);
  std::vector<std::string> lost;
  std::size_t read = 0;
  each([&](const Json& entry, const std::string& place) {
    UNPACT_VALIDATE(entry.is_object(), concat(place, " is no object"), concat("found a JSON ", entry.type_name()),
                    "an entry is {\"question\", \"probe\", \"attempt\", \"prompt\"}");
    if (string_or(entry, "split", "forget", place) == "retain" || is_open(entry)) return;
    const auto attempt = attempt_of(entry, place);
    const auto found = questions.find(entry, place);
    if (found.empty()) lost.push_back(concat(place, ": probe '", attempt.probe, "' asks what the dataset does not have"));
    for (auto* pair : found) add_to(*pair, attempt, place);
    ++read;
  });
  UNPACT_VALIDATE(read > 0, concat(where, " has no attempts"), "it is empty, or no prompt is filled in", "check probe.file");
  UNPACT_VALIDATE(lost.size() < read, concat(where, " asks nothing of this dataset"),
                  concat("none of its ", read, " attempts belongs to a forget question; the first is ", lost.front()),
                  "questions are found by their exact text, or by question_sha256");
  return lost;
}

}  // namespace

std::vector<std::string> add_attempts(const std::filesystem::path& file, Dataset& dataset) {
  return attempts_of_entries(file.string(), dataset,
                             [&](const ReadEntry& read) { for_each_entry(file, EntryForm::lines, read); });
}

std::vector<std::string> add_attempts_of(std::string_view content, const std::string& where, Dataset& dataset) {
  return attempts_of_entries(where, dataset,
                             [&](const ReadEntry& read) { for_each_entry_of(content, EntryForm::lines, where, read); });
}

}  // namespace unpact
