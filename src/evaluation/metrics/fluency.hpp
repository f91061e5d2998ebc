#pragma once
/// Whether a text reads like one.
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

/// A text's words: runs of characters between white space, with the punctuation of ASCII apart. RWKU takes nltk's, which also
/// parts contractions.
std::vector<std::string> words_and_marks(std::string_view text);

/// The entropy in bits of the n-grams of a list of words. 0 where there are none.
double ngram_entropy(const std::vector<std::string>& words, std::size_t n);

/// RWKU's fluency (Jin et al., arXiv 2406.10890, after Meng et al.'s ROME): (2/3 H_2 + 4/3 H_3) / 2. Low for a model that repeats
/// itself.
double ngram_fluency(const std::vector<std::string>& words);

}  // namespace unpact
