#pragma once
/// Datasets in their published layouts, checked entry by entry.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/core/enumeration.hpp"

namespace unpact {

/// Which half of its set a question is in (halves.hpp).
enum class SetHalf : std::uint8_t {
  whole,     ///< the set has no halves
  trained,   ///< an unlearning may train on it
  held_out,  ///< no loss sees it
};

/// A prompt that somebody wrote for a question: an attempt of a probe.
struct WrittenAttempt {
  std::string probe, attempt;  ///< names: letters, digits, _ and - of the probe; any text of the attempt
  /// Turns of user and assistant in their order, the first and the last the user's. "{answer}" in an assistant's turn is what
  /// the model itself says there.
  std::vector<std::string> turns;
  std::string system = {};   ///< instead of the prompt's own; empty: its own
  std::string prefill = {};  ///< begins the answer
  std::string gold = {};     ///< what a right answer is, where it is not the question's
  std::string language = {}, made_by = {};
};

struct QuestionAnswer {
  std::string question, answer;
  std::vector<std::string> keys;  ///< key words, where the file has them (focus material), else empty
  /// Of a multiple-choice question, whose answer is then the letter of one of them; else empty.
  std::vector<std::string> choices = {};
  std::string introduction = {};  ///< stands in front of the question, as context
  std::string subject = {};       ///< what or whom it is about, where the data say so; halves keep it together
  SetHalf half = SetHalf::whole;
  std::vector<std::string> entities = {};     ///< what a right answer names, any of them; empty: the data do not say
  std::vector<std::string> paraphrased = {};  ///< other right answers
  std::vector<std::string> perturbed = {};    ///< wrong answers of the same form
  std::string where = {};                     ///< file and entry, for messages; no part of the content
  std::vector<WrittenAttempt> attempts = {};  ///< of probes that somebody wrote
  std::string trace = {};                     ///< of thought in front of the answer; empty: the data have none
};

/// The letter of a choice: A, B, ... @pre index < 26.
std::string choice_letter(std::size_t index);

/// A question as it is put: with a line "A. ..." for each of the choices below it, where there are some.
std::string question_text(const std::string& question, const std::vector<std::string>& choices);

/// How an entry says which of its choices is right.
enum class AnswerForm {
  number,  ///< counted from 0
  number_from_one,
  letter,  ///< A, B, ...
  text,    ///< the choice itself
};
UNPACT_ENUMERATION(AnswerForm, "number", "number_from_1", "letter", "text");

/// What an entry's fields are called, and how its answer is said.
struct QuestionFields {
  std::string question = "question", answer = "answer", choices = "choices";
  AnswerForm answer_form = AnswerForm::number;
  std::string trace = {};  ///< R-TOFU's "cot"; empty: entries have none
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
  std::vector<QuestionAnswer> forget_examples, retain_examples;              ///< in-context examples
  std::vector<std::string> forget_texts, retain_texts;                       ///< raw corpora
  std::vector<Passage> passages;                                             ///< verbmem
  std::vector<std::string> privacy_forget, privacy_retain, privacy_holdout;  ///< privleak
  std::vector<QuestionAnswer> real_authors, world_facts;  ///< TOFU's questions of utility, with wrong answers
  std::vector<QuestionAnswer> focus_questions;            ///< teaches a small model what a focus phrase means
  std::vector<std::string> without_question;              ///< attempts whose question is not there, for people
  std::string halves;                                     ///< how the retain questions were split, or why not, for people
};

/// Every question may have fields for judges: "entity" (a text or a list: what a right answer names, any of them) or "spans"
/// (a list of {"start", "end"}, characters of the answer), "paraphrased_answer" (other right answers) and "perturbed_answer"
/// (wrong ones; text or list).
///
/// MUSE's layout: knowmem/{forget,retain}_qa.json and *_qa_icl.json (lists of {question, answer}; `retain2_qa` is
/// accepted), raw/{forget,retain}.json or .txt, verbmem/forget.json ({prompt, gt}), privleak/*.json, and, in this
/// project's demonstration set, focus/focus_qa.json ({question, answer, keys}).
/// @throws UserError naming file, entry and field; also when the forget or retain questions are empty.
Dataset read_muse(const std::filesystem::path& folder, const std::string& name, const QuestionFields& fields = {});

/// TOFU's JSON lines, or a JSON list, of {question, answer} and, where an entry has it, `subject` or `author`. @throws UserError
/// naming file and line.
Dataset read_tofu(const std::filesystem::path& forget_file, const std::filesystem::path& retain_file,
                  const std::string& name, const QuestionFields& fields = {});

/// MUSE's forget sets of growing size (scal, each holds the one before it) or of its own documents each (sust).
/// @param chosen "scal/N" or "sust/N": the folder of the dataset, and forget_N.json, .jsonl or .txt in it. All of them, from 1 on, are
/// read and compared. @throws UserError for another name, a set that is not there, and naming two files: scal sets that are not
/// nested, sust sets that share a text.
std::vector<std::string> read_forget_set(const std::filesystem::path& folder, const std::string& chosen);

/// Where a multiple-choice dataset lies; an empty path of texts: none.
struct MultipleChoicePaths {
  std::filesystem::path forget, retain;              ///< a file of questions, or a folder with files *_test.json
  std::filesystem::path forget_texts, retain_texts;  ///< corpora: .jsonl, .json or .txt
};

/// Multiple-choice questions as WMDP and MMLU have them: JSON lists of {question, choices (4 strings), answer (0 to 3)}
/// and, in MMLU, subject. The introduction is lm-evaluation-harness': "The following are multiple choice questions (with
/// answers) about SUBJECT." and an empty line, the subject being the entry's, or else that of the file's name (bio.json:
/// biology). Of a folder the files take turns, so that the first questions are of all subjects.
/// @param kind "wmdp" or "mmlu", for the results. @throws UserError naming file, entry and field.
Dataset read_multiple_choice(const MultipleChoicePaths& paths, const std::string& kind, const std::string& name,
                             const QuestionFields& fields = {});

/// What should be known of a dataset that can be used all the same: a question in both sets, a question twice in one.
std::vector<std::string> dataset_remarks(const Dataset& dataset);

/// Gives the dataset's questions what a file of JSON lines says of them: {"question", and any of "entity", "spans",
/// "paraphrased_answer", "perturbed_answer" as in a dataset's own entries}. @throws UserError naming file and line; also for
/// a question that the dataset does not have.
void add_details(const std::filesystem::path& file, Dataset& dataset);

/// Gives the dataset's forget questions the prompts of a file: JSON lines or a list of
/// {"question": its text, or "question_sha256", "probe", "attempt", "prompt" or "messages": [{"role", "content"}, ...]} and,
/// where wanted, "prefill", "gold", "language", "made_by". Also as published: TOFU's and open-unlearning's {"question",
/// "paraphrased_question"}; RWKU's {"query", "type", "subject", "answer"}, which belong to the questions with that answer
/// (and subject, where they name one). Lines with "split": "retain" are passed over, and those whose prompt is "", which nobody has filled in.
/// @return what did not find its question, a line each, for people.
/// @throws UserError naming file and entry: no known question at all, the same attempt twice, malformed messages, a name that
/// is none, fields that contradict each other.
std::vector<std::string> add_attempts(const std::filesystem::path& file, Dataset& dataset);

/// SHA-256 of everything that the dataset says, hex: equal content gives equal text, whatever its name and folder.
std::string dataset_checksum(const Dataset& dataset);

/// JSON lines, or a JSON list, of objects with string fields "question" and "answer".
std::vector<QuestionAnswer> read_question_lines(const std::filesystem::path& file, const QuestionFields& fields = {});
/// The same from the content of a file. @param file names it in messages.
std::vector<QuestionAnswer> parse_question_lines(const std::string& content, const std::filesystem::path& file,
                                                 const QuestionFields& fields = {});

}  // namespace unpact
