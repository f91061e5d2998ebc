#pragma once
/// What several sampled answers to a question say.
#include <cstdint>

namespace unpact {

/// leak@k (arXiv 2511.04934): the chance that at least one of k answers drawn without replacement from n leaks, when c of the n
/// do: 1 - C(n - c, k) / C(n, k), as a product, so that nothing overflows. 0 where k > n, as published. Requires c <= n, k > 0.
double leak_at_k(std::uint64_t n, std::uint64_t c, std::uint64_t k);

/// Clopper and Pearson's upper bound of a chance, one-sided, of which c of n trials showed something (Scholten et al., arXiv
/// 2410.03523): the p with P(at most c of n) = alpha; 1 where c = n. Requires c <= n, n > 0.
double clopper_pearson_upper(std::uint64_t n, std::uint64_t c, double alpha = 0.05);

}  // namespace unpact
