#include "focus_shift.hpp"

#include <algorithm>

#include "unpact/attribution/key_tokens.hpp"

namespace unpact {

const ContributionRecord& focused(const ModelRecord& model, FocusOf focus_of) {
  return focus_of == FocusOf::own ? model.own : model.gold;
}

FocusShiftRecord focus_shift(const ContributionRecord& f, const ContributionRecord& g) {
  FocusShiftRecord shift;
  for (std::size_t q = 0; q < f.contributions.rows(); ++q) {
    const auto n = std::max(f.contributions.row(q).size(), g.contributions.row(q).size());
    const auto f_keys = padded(f.is_key_token.row(q), n), g_keys = padded(g.is_key_token.row(q), n);
    shift.set_cosine.push_back(key_token_cosine(f_keys, g_keys));
    shift.contribution_cosine.push_back(
        contribution_cosine(padded(f.contributions.row(q), n), f_keys, padded(g.contributions.row(q), n), g_keys));
  }
  return shift;
}

}  // namespace unpact
