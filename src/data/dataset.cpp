#include "unpact/data/dataset.hpp"

#include "answer_details.hpp"
#include "entries.hpp"
#include "trace.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// The first of the names that exists in the folder, or an empty path.
fs::path first_existing(const fs::path& folder, const std::vector<std::string>& names) {
  std::error_code ignored;
  for (const auto& name : names)
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  return {};
}

/// An optional list of texts.
std::vector<std::string> texts_of(const Json& entry, const char* field, const std::string& where) {
  std::vector<std::string> texts;
  const auto found = entry.find(field);
  if (found == entry.end() || found->is_null()) return texts;
  UNPACT_VALIDATE(found->is_array(), concat(where, ": field '", field, "' has the wrong type"),
                  concat("expected a list of strings, found a ", found->type_name()), "correct that field");
  for (const auto& text : *found) {
    UNPACT_VALIDATE(text.is_string(), concat(where, ": field '", field, "' has the wrong type"),
                    concat("expected a list of strings, found a ", text.type_name(), " in it"), "correct that field");
    texts.push_back(text.get<std::string>());
    require_text(texts.back(), concat("a string in field '", field, "'"), where);
  }
  return texts;
}

/// Whom or what the entry is about; empty where it does not say.
std::string subject_of(const Json& entry, const std::string& where) {
  auto subject = string_or(entry, "subject", "", where);
  return subject.empty() ? string_or(entry, "author", "", where) : subject;
}

QuestionAnswer question_of(const Json& entry, const std::string& where, const QuestionFields& fields) {
  QuestionAnswer pair;
  pair.where = where;
  pair.question = text_field(entry, fields.question, where);
  pair.answer = text_field(entry, fields.answer, where);
  pair.keys = texts_of(entry, "keys", where);
  pair.subject = subject_of(entry, where);
  pair.trace = trace_of(entry, fields.trace, where);
  read_answer_details(entry, where, pair);
  return pair;
}

std::vector<QuestionAnswer> read_questions(const fs::path& path, EntryForm usual, const QuestionFields& fields) {
  std::vector<QuestionAnswer> questions;
  if (path.empty()) return questions;
  for_each_entry(path, usual, [&](const Json& entry, const std::string& where) {
    questions.push_back(question_of(entry, where, fields));
  });
  return questions;
}

std::vector<QuestionAnswer> require_questions(const fs::path& folder, const std::vector<std::string>& names,
                                              const QuestionFields& fields) {
  const auto path = first_existing(folder, names);
  UNPACT_VALIDATE(!path.empty(), concat("the dataset has no ", join(names, " or ")),
                  concat("there is no such file in ", folder.string()),
                  "give the folder that holds knowmem, raw and verbmem");
  auto questions = read_questions(path, EntryForm::list, fields);
  UNPACT_VALIDATE(!questions.empty(), concat(path.string(), " has no questions"), "its list is empty", "check the file");
  return questions;
}

std::vector<Passage> read_passages(const fs::path& path) {
  std::vector<Passage> passages;
  if (path.empty()) return passages;
  for_each_entry(path, EntryForm::list, [&](const Json& entry, const std::string& where) {
    passages.push_back({text_field(entry, "prompt", where), text_field(entry, "gt", where)});
  });
  return passages;
}

}  // namespace

Dataset read_muse(const fs::path& folder, const std::string& name, const QuestionFields& fields) {
  std::error_code ignored;
  UNPACT_VALIDATE(fs::is_directory(folder, ignored), concat("cannot read the dataset ", name),
                  concat(folder.string(), " is not a folder"), "check the path");
  Dataset dataset;
  dataset.name = name;
  dataset.kind = "muse";
  dataset.folder = folder;
  dataset.forget_questions = require_questions(folder, {"knowmem/forget_qa.json"}, fields);
  dataset.retain_questions = require_questions(folder, {"knowmem/retain_qa.json", "knowmem/retain2_qa.json"}, fields);
  auto shown = fields;  // examples show no thoughts, as chat templates leave those of earlier turns out
  shown.trace.clear();
  dataset.forget_examples = read_questions(first_existing(folder, {"knowmem/forget_qa_icl.json"}), EntryForm::list, shown);
  dataset.retain_examples = read_questions(
      first_existing(folder, {"knowmem/retain_qa_icl.json", "knowmem/retain2_qa_icl.json"}), EntryForm::list, shown);
  dataset.forget_texts = read_texts(first_existing(folder, {"raw/forget.json", "raw/forget.txt"}));
  dataset.retain_texts =
      read_texts(first_existing(folder, {"raw/retain.json", "raw/retain.txt", "raw/retain1.json", "raw/retain1.txt"}));
  dataset.passages = read_passages(first_existing(folder, {"verbmem/forget.json"}));
  dataset.privacy_forget = read_texts(first_existing(folder, {"privleak/forget.json"}));
  dataset.privacy_retain = read_texts(first_existing(folder, {"privleak/retain.json"}));
  dataset.privacy_holdout = read_texts(first_existing(folder, {"privleak/holdout.json"}));
  dataset.focus_questions = read_questions(first_existing(folder, {"focus/focus_qa.json"}), EntryForm::list, shown);
  return dataset;
}

namespace {

std::vector<QuestionAnswer> some_questions(std::vector<QuestionAnswer> questions, const fs::path& file) {
  UNPACT_VALIDATE(!questions.empty(), concat(file.string(), " has no questions"), "it is empty", "check the file");
  return questions;
}

}  // namespace

std::vector<QuestionAnswer> read_question_lines(const fs::path& file, const QuestionFields& fields) {
  return some_questions(read_questions(file, EntryForm::lines, fields), file);
}

std::vector<QuestionAnswer> parse_question_lines(const std::string& content, const fs::path& file,
                                                 const QuestionFields& fields) {
  std::vector<QuestionAnswer> questions;
  for_each_entry_of(content, EntryForm::lines, file.string(), [&](const Json& entry, const std::string& where) {
    questions.push_back(question_of(entry, where, fields));
  });
  return some_questions(std::move(questions), file);
}

std::string dataset_checksum(const Dataset& dataset) {
  std::string all;
  // Lengths in front keep texts apart: "ab", "c" is not "a", "bc".
  const auto add = [&](const std::string& text) { all += concat(text.size(), ":", text); };
  const auto add_texts = [&](const std::vector<std::string>& texts) {
    all += concat("[", texts.size(), "]");
    for (const auto& text : texts) add(text);
  };
  for (const auto* pairs :
       {&dataset.forget_questions, &dataset.retain_questions, &dataset.forget_examples, &dataset.retain_examples,
        &dataset.focus_questions, &dataset.real_authors, &dataset.world_facts}) {
    if (pairs->empty() && (pairs == &dataset.real_authors || pairs == &dataset.world_facts)) continue;
    all += concat("[", pairs->size(), "]");
    for (const auto& pair : *pairs) {
      add(pair.question);
      add(pair.answer);
      add_texts(pair.keys);
      if (!pair.trace.empty()) add(concat("trace ", pair.trace));
      if (pair.choices.empty() && !pair.subject.empty()) add(concat("subject ", pair.subject));
      for (const auto& [name, texts] : {std::pair("entities", &pair.entities), std::pair("paraphrased", &pair.paraphrased),
                                        std::pair("perturbed", &pair.perturbed)}) {
        if (texts->empty()) continue;
        all += name;
        add_texts(*texts);
      }
      for (const auto& attempt : pair.attempts) {
        add_texts({"attempt", attempt.probe, attempt.attempt, attempt.system, attempt.prefill, attempt.gold});
        add_texts(attempt.turns);
      }
      if (pair.choices.empty()) continue;
      all += "choices";
      add_texts(pair.choices);
      add(pair.introduction);
    }
  }
  for (const auto* texts : {&dataset.forget_texts, &dataset.retain_texts, &dataset.privacy_forget, &dataset.privacy_retain,
                            &dataset.privacy_holdout})
    add_texts(*texts);
  for (const auto& passage : dataset.passages) {
    add(passage.prompt);
    add(passage.continuation);
  }
  return sha256_of_bytes(all);
}

Dataset read_tofu(const fs::path& forget_file, const fs::path& retain_file, const std::string& name,
                  const QuestionFields& fields) {
  Dataset dataset;
  dataset.name = name;
  dataset.kind = "tofu";
  dataset.folder = forget_file.parent_path();
  dataset.forget_questions = read_question_lines(forget_file, fields);
  dataset.retain_questions = read_question_lines(retain_file, fields);
  return dataset;
}

}  // namespace unpact
