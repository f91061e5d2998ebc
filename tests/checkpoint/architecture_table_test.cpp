/// The table in docs/models.md says what the code does.
#include <gmock/gmock.h>

#include <filesystem>
#include <sstream>

#include "unpact/checkpoint/architecture.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::string norm_text(const BlockDescription& block) {
  return concat(block.norm == NormKind::layer ? "LayerNorm"
                : block.norm_plus_one         ? "RMS of 1 + weight"
                                              : "RMS",
                block.norm_after ? " after" : " before");
}

std::string positions_text(const Architecture& row) {
  if (row.block.positions == PositionKind::learned) return "learned";
  if (row.block.positions == PositionKind::relative) return "relative";
  if (row.storage == StorageLayout::phi3) return "rotary, longrope";
  const auto share = row.default_rotary_share;
  return share > 0 && share < 1 ? concat("rotary, ", share, " of a head") : "rotary";
}

std::string biases_text(const Architecture& row) {
  if (row.block.mlp_bias && row.attention_bias) return "all, by switch";
  if (row.block.mlp_bias) return row.block.head_bias ? "all, and the head's" : "all";
  if (row.attention_bias) return "by switch";
  return row.block.query_key_value_bias ? "q, k, v" : "none";
}

/// A row of the table in words.
std::vector<std::string> words_of_row(const Architecture& row) {
  const auto& block = row.block;
  const char* head_norms[] = {"none", "each head", "all heads at once"};
  const char* windows[] = {"none", "every block", "chosen blocks"};
  return {concat("`", row.model_type, "`"),
          concat("`", row.transformers_class, "`"),
          norm_text(block),
          concat(block.mlp == MlpKind::gated ? "gated " : "plain ", row.default_activation),
          positions_text(row),
          block.parallel_residual ? (block.shared_norm ? "parallel, one norm" : "parallel") : "in turn",
          head_norms[static_cast<int>(block.query_key_norm)],
          biases_text(row),
          row.tied_embeddings ? "tied" : "free",
          windows[static_cast<int>(row.windows)]};
}

TEST(ArchitectureTable, IsThatOfTheDocument) {
  std::istringstream document(read_file(std::filesystem::path(UNPACT_SOURCE_DIR) / "docs/models.md"));
  std::vector<std::string> found, expected;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("| `model_type` | class")) inside = true;
    else if (inside && line.empty()) break;
    else if (inside && line.starts_with("| `")) found.push_back(line);
  }
  for (const auto& row : architectures()) expected.push_back(concat("| ", join(words_of_row(row), " | "), " |"));
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace unpact
