#pragma once
/// How a question is asked again with its key words in it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"

namespace unpact {

/// How a phrase names the KeyTokens: `{question}` and `{keys}` are filled in. The first is the study's own wording; the
/// others are ours.
const std::vector<std::string>& default_phrasings();

/// @throws UserError for a phrasing without {question} or {keys}, or with another field.
void check_phrasings(const std::vector<std::string>& phrasings);

/// @throws UserError for a {name} in the text that is none of the known fields, themselves written with braces.
void refuse_unknown_fields(const std::string& text, const std::vector<std::string>& known);

/// The phrasing with its question and key words, the latter joined by ", ".
std::string fill_phrasing(const std::string& phrasing, const std::string& question, const std::vector<std::string>& keys);

/// Phrasings that no training sees (unlearn.phrased): the first of probe.phrasings, which FocusOnKey asks first.
inline constexpr std::size_t kHeldOutPhrasings = 2;

/// The `count` phrasings behind those. @throws UserError naming unlearn.phrased where it is negative, or more than are left.
std::vector<std::string> trained_phrasings(const ProbeOptions& options, std::int64_t count);

}  // namespace unpact
