#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "choice_question.hpp"
#include "entries.hpp"
#include "trace.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kChoices = 4;
constexpr const char* kTestEnding = "_test";

/// What a file is about, by its name: bio.json, high_school_geography_test.json.
std::string subject_of_file(const fs::path& file) {
  static const std::map<std::string, std::string> wmdp = {
      {"bio", "biology"}, {"chem", "chemistry"}, {"cyber", "cybersecurity"}};
  auto name = file.stem().string();
  for (const char* ending : {kTestEnding, "_dev", "_val"})
    if (name.ends_with(ending)) name.erase(name.rfind('_'));
  const auto known = wmdp.find(name);
  return known == wmdp.end() ? name : known->second;
}

std::vector<std::string> choices_of(const Json& entry, const std::string& key, const std::string& where) {
  const auto found = entry.find(key);
  const auto problem = concat(where, ": field '", key, "' is not a list of ", kChoices);
  UNPACT_VALIDATE(found != entry.end(), problem, "it is missing", "add the field or correct its name");
  UNPACT_VALIDATE(found->is_array(), problem, concat("found a JSON ", found->type_name()), "correct that field");
  UNPACT_VALIDATE(found->size() == kChoices, problem, concat("found a list of ", found->size()), "correct that field");
  std::vector<std::string> choices;
  for (const auto& choice : *found) {
    UNPACT_VALIDATE(choice.is_string(), concat(where, ": field '", key, "' has the wrong type"),
                    concat("expected a list of strings, found a JSON ", choice.type_name(), " in it"), "correct that field");
    choices.push_back(choice.get<std::string>());
    require_text(choices.back(), concat("choice ", choice_letter(choices.size() - 1)), where);
  }
  return choices;
}

std::vector<fs::path> question_files(const fs::path& path, const char* set) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {path};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (entry.path().extension() == ".json" && entry.path().stem().string().ends_with(kTestEnding))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  UNPACT_VALIDATE(!files.empty(), concat("no ", set, " questions in ", path.string()), "the folder has no files *_test.json",
                  "give one file of questions, or MMLU's folder");
  return files;
}

/// "C", "c", "(C)", "C." or "C)".
std::optional<std::size_t> choice_of_letter(std::string_view text) {
  if (text.starts_with('(')) text.remove_prefix(1);
  if (text.ends_with(')') || text.ends_with('.')) text.remove_suffix(1);
  if (text.size() != 1 || std::isalpha(static_cast<unsigned char>(text[0])) == 0) return std::nullopt;
  const auto index = static_cast<std::size_t>(std::toupper(static_cast<unsigned char>(text[0])) - 'A');
  return index < kChoices ? std::optional(index) : std::nullopt;
}

/// A number, which may stand in quotes.
std::int64_t number_of(const Json& entry, const std::string& key, const std::string& where, const std::string& hint) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_string()) return require_integer(entry, key, where);
  const auto text = trim(found->get<std::string>());
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  UNPACT_VALIDATE(error == std::errc() && end == text.data() + text.size(),
                  concat(where, ": field '", key, "' is '", shortened(text), "'"), "it is the number of a choice", hint);
  return number;
}

/// Which choice is right, counted from 0.
std::size_t right_choice(const Json& entry, const std::vector<std::string>& choices, const QuestionFields& fields,
                         const std::string& where) {
  const auto& key = fields.answer;
  const auto problem = [&](const std::string& value) { return concat(where, ": field '", key, "' is ", value); };
  constexpr const char* kHint = "correct that field, or say with dataset.answer_form how the file says its answers";
  if (fields.answer_form == AnswerForm::text) {
    const auto text = trim(text_field(entry, key, where));
    const auto found = std::ranges::find(choices, text, [](const std::string& choice) { return trim(choice); });
    UNPACT_VALIDATE(found != choices.end(), problem(concat("'", shortened(text), "'")), "it is none of the choices", kHint);
    return static_cast<std::size_t>(found - choices.begin());
  }
  if (fields.answer_form == AnswerForm::letter) {
    const auto text = trim(text_field(entry, key, where));
    const auto index = choice_of_letter(text);
    UNPACT_VALIDATE(index, problem(concat("'", shortened(text), "'")),
                    concat("it is the letter of a choice, A to ", choice_letter(kChoices - 1)), kHint);
    return *index;
  }
  const std::int64_t first = fields.answer_form == AnswerForm::number_from_one ? 1 : 0;
  const auto answer = number_of(entry, key, where, kHint) - first;
  UNPACT_VALIDATE(answer >= 0 && answer < static_cast<std::int64_t>(kChoices), problem(concat(answer + first)),
                  concat("it is the number of a choice, ", first, " to ", first + static_cast<std::int64_t>(kChoices) - 1),
                  kHint);
  return static_cast<std::size_t>(answer);
}

std::vector<QuestionAnswer> read_questions(const fs::path& path, const char* set, const QuestionFields& fields) {
  UNPACT_VALIDATE(!path.empty(), concat("no ", set, " questions"), "multiple-choice datasets have two paths",
                  concat("set ", std::string(set) == "forget" ? "dataset.path" : "dataset.retain_path",
                         " to a file or folder of questions"));
  std::vector<std::vector<QuestionAnswer>> by_file;
  std::size_t longest = 0;
  for (const auto& file : question_files(path, set)) {
    auto& questions = by_file.emplace_back();
    for_each_entry(file, EntryForm::list, [&](const Json& entry, const std::string& where) {
      questions.push_back(choice_question(entry, where, subject_of_file(file), fields));
    });
    UNPACT_VALIDATE(!questions.empty(), concat(file.string(), " has no questions"), "its list is empty", "check the file");
    longest = std::max(longest, questions.size());
  }
  std::vector<QuestionAnswer> all;
  for (std::size_t i = 0; i < longest; ++i)
    for (auto& questions : by_file)
      if (i < questions.size()) all.push_back(std::move(questions[i]));
  return all;
}

}  // namespace

QuestionAnswer choice_question(const Json& entry, const std::string& where, const std::string& subject_of_name,
                               const QuestionFields& fields) {
  QuestionAnswer pair;
  pair.where = where;
  pair.question = trim(text_field(entry, fields.question, where));
  pair.choices = choices_of(entry, fields.choices, where);
  pair.answer = choice_letter(right_choice(entry, pair.choices, fields, where));
  const auto subject = replace_all(string_or(entry, "subject", subject_of_name, where), "_", " ");
  require_text(subject, "field 'subject'", where);
  pair.subject = subject;
  pair.trace = trace_of(entry, fields.trace, where);
  pair.introduction = concat("The following are multiple choice questions (with answers) about ", subject, ".\n\n");
  return pair;
}

std::string choice_letter(std::size_t index) {
  UNPACT_EXPECT(index < 26);
  return std::string(1, static_cast<char>('A' + index));
}

std::string question_text(const std::string& question, const std::vector<std::string>& choices) {
  auto text = question;
  for (std::size_t i = 0; i < choices.size(); ++i) text += concat("\n", choice_letter(i), ". ", choices[i]);
  return text;
}

Dataset read_multiple_choice(const MultipleChoicePaths& paths, const std::string& kind, const std::string& name,
                             const QuestionFields& fields) {
  Dataset dataset;
  dataset.name = name;
  dataset.kind = kind;
  dataset.folder = paths.forget.parent_path();
  dataset.forget_questions = read_questions(paths.forget, "forget", fields);
  dataset.retain_questions = read_questions(paths.retain, "retain", fields);
  dataset.forget_texts = read_texts(paths.forget_texts);
  dataset.retain_texts = read_texts(paths.retain_texts);
  return dataset;
}

}  // namespace unpact
