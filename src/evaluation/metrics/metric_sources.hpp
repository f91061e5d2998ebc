#pragma once
/// Where the formulas of the table come from, and what several of its rows say.

namespace unpact {

inline constexpr const char
    *kRTofu = "R-TOFU, arXiv 2505.15214",
    *kBlur = "BLUR, s-huu/BLUR 8150a7b", *kCarlini = "Carlini et al., arXiv 2012.07805",
    *kMuse = "MUSE, Shi et al., arXiv 2407.06460", *kTofu = "TOFU, Maini et al., arXiv 2401.06121",
    *kOpenUnlearning = "open-unlearning d3d7cf9",
    *kAuc = "P(forget < holdout) + P(equal) / 2 of the scores; 1/2: nothing can be told; MUSE's is 1 - this",
    *kTofuInOpenUnlearning = "TOFU, arXiv 2401.06121, in open-unlearning's form";

}  // namespace unpact
