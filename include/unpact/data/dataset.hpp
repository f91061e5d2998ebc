#pragma once
/// Datasets in their published layouts, checked entry by entry.
#include <filesystem>
#include <string>
#include <vector>

namespace unpact {

struct QuestionAnswer {
  std::string question, answer;
  std::vector<std::string> keys;  ///< key words, where the file has them (focus material), else empty
};

/// A text that a model may have memorized: it is prompted with the start and compared with the rest.
struct Passage {
  std::string prompt, continuation;
};

/// One dataset. Parts that a layout or folder lacks are empty; the forget and retain questions are required.
struct Dataset {
  std::string name, kind;
  std::filesystem::path folder;
  std::vector<QuestionAnswer> forget_questions, retain_questions;
  std::vector<QuestionAnswer> forget_examples, retain_examples;  ///< in-context examples
  std::vector<std::string> forget_texts, retain_texts;           ///< raw corpora
  std::vector<Passage> passages;                                 ///< verbmem
  std::vector<std::string> privacy_forget, privacy_retain, privacy_holdout;  ///< privleak
  std::vector<QuestionAnswer> focus_questions;  ///< teaches a small model what a focus phrase means
};

/// MUSE's layout: knowmem/{forget,retain}_qa.json and *_qa_icl.json (lists of {question, answer}; `retain2_qa` is
/// accepted), raw/{forget,retain}.json or .txt, verbmem/forget.json ({prompt, gt}), privleak/*.json, and, in this
/// project's demonstration set, focus/focus_qa.json ({question, answer, keys}).
/// @throws UserError naming file, entry and field; also when the forget or retain questions are empty.
Dataset read_muse(const std::filesystem::path& folder, const std::string& name);

/// TOFU's JSON lines of {question, answer}. @throws UserError naming file and line.
Dataset read_tofu(const std::filesystem::path& forget_file, const std::filesystem::path& retain_file,
                  const std::string& name);

/// SHA-256 of everything that the dataset says, hex: equal content gives equal text, whatever its name and folder.
std::string dataset_checksum(const Dataset& dataset);

/// JSON lines of objects with string fields "question" and "answer".
std::vector<QuestionAnswer> read_question_lines(const std::filesystem::path& file);

}  // namespace unpact
