#pragma once
/// Every method in one row: what it is, and how it is made.
#include <memory>
#include <vector>

#include "unpact/attribution/method.hpp"

namespace unpact {

/// What makers need.
struct MethodInputs {
  const AttributionSettings& settings;
  std::uint64_t seed;
  const Tokenizer& tokenizer;
  /// Positions that run at once for methods that do not choose by model and memory.
  std::size_t token_budget() const {
    return settings.token_budget == 0 ? 4096 : static_cast<std::size_t>(settings.token_budget);
  }
};

struct MethodRow {
  AttributionFacts facts;
  std::unique_ptr<AttributionMethod> (*make)(const MethodInputs& inputs);
};

const std::vector<MethodRow>& method_table();

/// @throws UserError for an unknown method.
const MethodRow& row_of(const std::string& method);

/// The id that `text` names, or that of the tokenizer for auto; none for zero.
std::optional<TokenId> resolve_baseline(const std::string& text, const Tokenizer& tokenizer);

}  // namespace unpact
