#pragma once
/// KeyTokens and focus shift (design 2.2 and 2.3).
#include <cstdint>
#include <span>
#include <vector>

namespace unpact {

/// The study gives two grid-searched numbers, 0.22 and 0.24, but no formula; reading them as a relative and an
/// absolute floor is ours.
struct KeyTokenOptions {
  double alpha = 0.22;  ///< share of the largest contribution
  double beta = 0.24;   ///< nats per answer token
};

/// @throws UserError unless 0 <= alpha <= 1 and beta is finite.
void check_key_token_options(const KeyTokenOptions& options);

/// Token i is a KeyToken iff C_i >= alpha * max_j C_j and C_i >= beta. One flag a contribution.
std::vector<std::uint8_t> find_key_tokens(std::span<const float> contributions, const KeyTokenOptions& options);

/// One flag a contribution: whether noise could turn its verdict. The margin is |C_i - floor|, floor =
/// max(alpha * max_j C_j, beta). A contribution is a difference of two log-probabilities, each off by at most
/// `noise_floor`, and has a standard error where the method estimates one: its noise is 2 * noise_floor + 1.96 * error;
/// the relative floor carries alpha times the noise of the largest contribution. Flagged where margin < noise.
/// @param standard_errors one a contribution, or empty; NaN counts as unknown and flags its token.
std::vector<std::uint8_t> find_uncertain_key_tokens(std::span<const float> contributions,
                                                    std::span<const float> standard_errors, const KeyTokenOptions& options,
                                                    double noise_floor);

/// |K_f n K_g| / sqrt(|K_f| |K_g|); 0 where one set is empty, NaN where both are. Focus shift is 1 minus it.
double key_token_cosine(std::span<const std::uint8_t> target, std::span<const std::uint8_t> unlearned);

/// The cosine of the two contribution vectors over K_f u K_g; NaN where the union is empty, 0 where a vector is zero
/// there.
double contribution_cosine(std::span<const float> target, std::span<const std::uint8_t> target_keys,
                           std::span<const float> unlearned, std::span<const std::uint8_t> unlearned_keys);

}  // namespace unpact
