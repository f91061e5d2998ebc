#pragma once
/// A dataset as a configuration asks for it.
#include <cstdint>
#include <string>

#include "unpact/core/enumeration.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {

enum class DatasetKind { muse, tofu, wmdp, mmlu };
UNPACT_ENUMERATION(DatasetKind, "muse", "tofu", "wmdp", "mmlu");

struct DatasetOptions {
  std::string use;  ///< choice file
  std::string name = "dataset";
  DatasetKind kind = DatasetKind::muse;
  std::string path;                        ///< muse: its folder; else the forget questions
  std::string retain_path;                 ///< not muse: the retain questions
  std::string forget_texts, retain_texts;  ///< wmdp, mmlu: corpora
  std::string forget_set;                  ///< muse: scal/N or sust/N instead of the forget texts; empty: those of raw/
  std::string real_authors, world_facts;   ///< tofu: questions with perturbed answers, for its model utility; empty: none
  std::string question_field = "question", answer_field = "answer",
              choices_field = "choices";        ///< names of an entry's fields
  AnswerForm answer_form = AnswerForm::number;  ///< of multiple choice
  std::string trace_field;                      ///< of a trace of thought in front of the answer; empty: there is none
  bool skip_long = false;                       ///< leave out questions that do not fit the model's context
  std::int64_t limit = 0;                       ///< questions of each set that are asked; 0: all
  std::string details;                          ///< more about the questions (add_details); empty: no more
  std::string attempts;                         ///< prompts of probes for the questions (add_attempts); empty: none
  double held_out = 0.5;                        ///< share of the retain questions that no unlearning trains on; 0: none
  std::string checksum;                         ///< dataset_checksum() that the content must have; empty: any
};

/// Reads the whole dataset and splits its retain questions (make_halves). @throws UserError: no path, broken files, an empty
/// set, other content than `checksum` says.
Dataset load_dataset(const DatasetOptions& options);

}  // namespace unpact
