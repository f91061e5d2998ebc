#pragma once
/// One entry of WMDP's or MMLU's question files.
#include <string>

#include "unpact/core/json.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {

/// {"question", "choices": texts, "answer": which of them, optional "subject"}; the answer becomes the choice's letter.
/// @param subject_of_name counts where the entry has no subject. @throws UserError naming `where` and the field.
QuestionAnswer choice_question(const Json& entry, const std::string& where, const std::string& subject_of_name,
                               const QuestionFields& fields = {});

}  // namespace unpact
