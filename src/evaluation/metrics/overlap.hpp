#pragma once
/// MUSE's ROUGE-L scores (Shi et al., arXiv 2407.06460): F1 of words, not stemmed.
#include <string>
#include <string_view>

namespace unpact {

/// What MUSE keeps of an answer to a question: up to the first "\n\n", then "\nQuestion", then "Question:".
std::string_view muse_answer(std::string_view generated);

/// Knowledge memorization: ROUGE-L F1 of muse_answer(generated) beside the gold answer.
double knowledge_memorization(std::string_view gold, std::string_view generated);

/// Verbatim memorization: ROUGE-L F1 of what a model writes behind a text's start beside how it went on.
double verbatim_memorization(std::string_view continuation, std::string_view generated);

/// TOFU's: ROUGE-L recall of stems.
double tofu_rouge(std::string_view gold, std::string_view generated);

}  // namespace unpact
