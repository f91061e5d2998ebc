#pragma once
/// ROUGE-L as the package rouge-score 0.1.2 computes it, which both MUSE and TOFU evaluate with:
/// C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries" (2004), one sequence a text (not rougeLsum).
#include <string>
#include <string_view>
#include <vector>

namespace unpact {

struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

/// Whether words are compared by their Porter stem. MUSE compares words, TOFU stems.
enum class Stemming { off, porter };

/// Lower-case runs of [a-z0-9], in order; with stemming, those longer than three characters are stemmed.
/// Every other character separates words. Two characters outside ASCII have a lower case inside it and count:
/// the Kelvin sign (k) and the capital I with a dot (i, whose combining dot separates).
std::vector<std::string> rouge_tokens(std::string_view text, Stemming stemming);

/// With L the length of the longest common subsequence of the two token lists:
/// precision L / |prediction|, recall L / |reference|, f1 their harmonic mean. All 0 where either list is empty.
/// Time |reference| * |prediction|, memory linear.
RougeScore rouge_l(std::string_view reference, std::string_view prediction, Stemming stemming);
/// The same of texts that were cut into words before.
RougeScore rouge_l(const std::vector<std::string>& reference, const std::vector<std::string>& prediction);

}  // namespace unpact
