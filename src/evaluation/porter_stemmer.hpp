#pragma once
#include <string>
#include <string_view>

namespace unpact {

/// The Porter stem of one lower-case word: M. F. Porter, "An algorithm for suffix stripping", Program 14.3 (1980),
/// with the deviations of nltk.stem.porter.PorterStemmer() in its default mode (NLTK_EXTENSIONS), which is what
/// rouge-score stems with: a pool of irregular forms, "ies"/"ied" of four-letter words, y -> i only after a
/// consonant, "alli" before every other rule of step 2, "fulli", and "logi" with its l counted to the stem.
///
/// Words of one or two characters come back unchanged. Bytes other than a, e, i, o, u and y count as consonants,
/// digits too. Time is linear in the word's length.
std::string porter_stem(std::string_view lower_case_word);

}  // namespace unpact
