#pragma once
/// What judges need of a question besides its answer.
#include <string>

#include "unpact/core/json.hpp"
#include "unpact/data/dataset.hpp"

namespace unpact {

/// Reads the optional fields "entity", "spans", "paraphrased_answer" and "perturbed_answer" of an entry whose answer is in
/// `pair`.
/// @throws UserError naming `where` and the field.
void read_answer_details(const Json& entry, const std::string& where, QuestionAnswer& pair);

}  // namespace unpact
