#pragma once
/// The next token of each row of logits, the likeliest or one drawn at random, on the device of the logits: neither they nor
/// an order of the vocabulary go to the host.
///
/// Legend of shapes: R rows, V vocabulary.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace unpact::kernels {

/// One draw a row. The nucleus (Holtzman et al., arXiv 1904.09751) is the smallest set of tokens with a probability of at
/// least top_p, the likeliest ones first and all of those that are as likely as its last. A row's draw is the first token,
/// in the order of ids, at which the nucleus' probabilities add up to more than its uniform number's part of them.
struct Draws {
  std::vector<double> uniforms;  ///< R numbers in [0, 1)
  double temperature = 1;        ///< > 0
  double top_p = 1;              ///< (0, 1]
};

struct ChosenTokens {
  std::vector<std::int64_t> ids;  ///< R
  std::vector<float>
      log_probabilities;  ///< R: log softmax(logits)[id], without temperature; not finite where a logit is not
};

/// The first of the largest logits of each row. @param logits_RV float32; may be overwritten.
ChosenTokens likeliest_tokens(const at::Tensor& logits_RV);

/// @param logits_RV float32; may be overwritten.
ChosenTokens drawn_tokens(const at::Tensor& logits_RV, const Draws& draws);

}  // namespace unpact::kernels
