#pragma once
/// Sentences as nltk's PunktSentenceTokenizer cuts them with no trained parameters: T. Kiss, J. Strunk, "Unsupervised multilingual
/// sentence boundary detection", Computational Linguistics 32 (2006), in nltk 3.10's form.
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

/// The sentences of a UTF-8 text, without white space between them. Without parameters no abbreviation is known: "Dr. Who" ends a
/// sentence behind "Dr."; initials ("J. Smith") do not, nor does a number before a lower-case word ("No. 3. the").
std::vector<std::string> punkt_sentences(std::string_view text);

}  // namespace unpact
