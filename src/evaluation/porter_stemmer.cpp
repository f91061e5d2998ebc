#include "porter_stemmer.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace unpact {
namespace {

/// One suffix rule. The first rule whose suffix fits decides: when its condition fails, later rules are not tried.
struct Rule {
  std::string_view suffix, replacement;
  std::size_t measured_letters = 0;     ///< letters of the suffix that count to the stem when it is measured
  std::string_view stem_must_end = {};  ///< the stem's last letter has to be one of these, unless empty
};

constexpr std::pair<std::string_view, std::string_view> kIrregular[] = {
    {"sky", "sky"},          {"skies", "sky"},       {"dying", "die"},      {"lying", "lie"},
    {"tying", "tie"},        {"news", "news"},       {"innings", "inning"}, {"inning", "inning"},
    {"outings", "outing"},   {"outing", "outing"},   {"howe", "howe"},      {"proceed", "proceed"},
    {"cannings", "canning"}, {"canning", "canning"}, {"exceed", "exceed"},  {"succeed", "succeed"},
};

constexpr Rule kStep1a[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};

constexpr Rule kStep2[] = {
    {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},   {"izer", "ize"},    {"bli", "ble"},
    {"alli", "al"},     {"entli", "ent"},   {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
    {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},
    {"iviti", "ive"},   {"biliti", "ble"},  {"fulli", "ful"},   {"logi", "log", 1},
};

constexpr Rule kStep3[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                           {"ical", "ic"},  {"ful", ""},   {"ness", ""}};

constexpr Rule kStep4[] = {
    {"al", ""},  {"ance", ""},  {"ence", ""}, {"er", ""},  {"ic", ""},           {"able", ""}, {"ible", ""},
    {"ant", ""}, {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ion", "", 0, "st"}, {"ou", ""},   {"ism", ""},
    {"ate", ""}, {"iti", ""},   {"ous", ""},  {"ive", ""}, {"ize", ""},
};

/// One letter a character: 'c' for a consonant, 'v' for a vowel. A y is a vowel exactly after a consonant.
std::string shape_of(std::string_view word) {
  std::string shape;
  shape.reserve(word.size());
  for (const char letter : word) {
    const bool vowel = std::string_view("aeiou").find(letter) != std::string_view::npos ||
                       (letter == 'y' && !shape.empty() && shape.back() == 'c');
    shape += vowel ? 'v' : 'c';
  }
  return shape;
}

/// Porter's m: how often a vowel is followed by a consonant.
int measure(std::string_view stem) {
  const auto shape = shape_of(stem);
  int m = 0;
  for (std::size_t i = 1; i < shape.size(); ++i) m += shape[i - 1] == 'v' && shape[i] == 'c';
  return m;
}

bool contains_vowel(std::string_view stem) { return shape_of(stem).find('v') != std::string::npos; }

/// Porter's *d.
bool ends_double_consonant(std::string_view word) {
  return word.size() >= 2 && word.back() == word[word.size() - 2] && shape_of(word).back() == 'c';
}

/// Porter's *o; nltk adds the two-letter words of a vowel and a consonant.
bool ends_consonant_vowel_consonant(std::string_view word) {
  const auto shape = shape_of(word);
  if (shape == "vc") return true;
  return shape.ends_with("cvc") && std::string_view("wxy").find(word.back()) == std::string_view::npos;
}

std::string_view without(std::string_view word, std::size_t letters) { return word.substr(0, word.size() - letters); }

/// Applies the first rule whose suffix fits, provided that the stem's measure is at least `least_measure`.
std::string apply_rules(std::string_view word, std::span<const Rule> rules, int least_measure) {
  const auto rule = std::ranges::find_if(rules, [&](const Rule& r) { return word.ends_with(r.suffix); });
  if (rule == rules.end()) return std::string(word);
  const auto stem = without(word, rule->suffix.size());
  const bool allowed =
      measure(without(word, rule->suffix.size() - rule->measured_letters)) >= least_measure &&
      (rule->stem_must_end.empty() || (!stem.empty() && rule->stem_must_end.find(stem.back()) != std::string_view::npos));
  return allowed ? std::string(stem).append(rule->replacement) : std::string(word);
}

/// Plurals. nltk: "dies" -> "die", though "flies" -> "fli".
std::string step1a(std::string_view word) {
  if (word.size() == 4 && word.ends_with("ies")) return std::string(without(word, 1));
  return apply_rules(word, kStep1a, 0);
}

/// Repairs a stem that has lost its -ed or -ing, so that later steps know its ending.
std::string mend_after_step1b(std::string_view stem) {
  std::string mended(stem);
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return mended + 'e';
  if (ends_double_consonant(stem)) {
    if (std::string_view("lsz").find(stem.back()) == std::string_view::npos) mended.pop_back();
    return mended;
  }
  if (measure(stem) == 1 && ends_consonant_vowel_consonant(stem)) mended += 'e';
  return mended;
}

/// Past and progressive forms. nltk: "died" -> "die", though "spied" -> "spi".
std::string step1b(std::string_view word) {
  if (word.ends_with("ied")) return std::string(without(word, word.size() == 4 ? 1 : 2));
  if (word.ends_with("eed")) return std::string(measure(without(word, 3)) > 0 ? without(word, 1) : word);
  for (const std::string_view suffix : {"ed", "ing"})
    if (word.ends_with(suffix) && contains_vowel(without(word, suffix.size())))
      return mend_after_step1b(without(word, suffix.size()));
  return std::string(word);
}

/// nltk: a final y becomes i after a consonant ("happy", "fly"), not after a vowel ("enjoy") or one letter ("my").
std::string step1c(std::string_view word) {
  std::string result(word);
  if (word.size() > 2 && word.back() == 'y' && shape_of(without(word, 1)).back() == 'c') result.back() = 'i';
  return result;
}

/// Double suffixes. nltk: -alli is shortened first, and what remains takes the step's rules.
std::string step2(std::string_view word) {
  if (word.ends_with("alli") && measure(without(word, 4)) > 0) word = without(word, 2);
  return apply_rules(word, kStep2, 1);
}

/// Final e. Unlike in the rule lists, both conditions are tried.
std::string step5a(std::string_view word) {
  if (!word.ends_with('e')) return std::string(word);
  const auto stem = without(word, 1);
  const int m = measure(stem);
  return std::string(m > 1 || (m == 1 && !ends_consonant_vowel_consonant(stem)) ? stem : word);
}

std::string step5b(std::string_view word) {
  return std::string(word.ends_with("ll") && measure(without(word, 1)) > 1 ? without(word, 1) : word);
}

}  // namespace

std::string porter_stem(std::string_view lower_case_word) {
  const auto irregular = std::ranges::find(kIrregular, lower_case_word, [](const auto& entry) { return entry.first; });
  if (irregular != std::end(kIrregular)) return std::string(irregular->second);
  if (lower_case_word.size() <= 2) return std::string(lower_case_word);
  auto stem = step2(step1c(step1b(step1a(lower_case_word))));
  stem = apply_rules(stem, kStep3, 1);
  stem = apply_rules(stem, kStep4, 2);
  return step5b(step5a(stem));
}

}  // namespace unpact
