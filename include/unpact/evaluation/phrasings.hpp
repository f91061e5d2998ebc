#pragma once
/// How a question is asked again with its key words in it.
#include <string>
#include <vector>

namespace unpact {

/// How a phrase names the KeyTokens: `{question}` and `{keys}` are filled in. The first is the study's own wording; the
/// others are ours.
const std::vector<std::string>& default_phrasings();

/// @throws UserError for a phrasing without {question} or {keys}.
void check_phrasings(const std::vector<std::string>& phrasings);

/// The phrasing with its question and key words, the latter joined by ", ".
std::string fill_phrasing(const std::string& phrasing, const std::string& question, const std::vector<std::string>& keys);

}  // namespace unpact
