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
  const char* places[] = {" before", " after", " before and after", " after the sum"};
  return concat(block.norm == NormKind::layer ? "LayerNorm"
                : block.norm_plus_one         ? "RMS of 1 + weight"
                                              : "RMS",
                places[static_cast<int>(block.norm_place)]);
}

std::string mlp_text(const Architecture& row) {
  const auto& block = row.block;
  const auto text = concat(block.mlp == MlpKind::gated ? "gated " : "plain ", row.default_activation);
  return block.experts == 0 ? text : concat(text, ", ", block.experts_per_token, " of ", block.experts, " experts");
}

std::string scores_text(const Architecture& row) {
  if (!row.has_query_scalar) return row.block.query_scalar == 1 ? "not divided" : "usual";
  return row.block.score_cap > 0 ? "`query_pre_attn_scalar`, capped" : "`query_pre_attn_scalar`";
}

std::string windows_text(const Architecture& row) {
  const char* rules[] = {"none", "every block", "chosen blocks", "", "by `attention_types`"};
  if (row.windows != WindowRule::all_but_every) return rules[static_cast<int>(row.windows)];
  return concat("all but every ", row.period, row.period == 2 ? "nd" : "th");
}

std::string positions_text(const Architecture& row) {
  if (row.block.positions == PositionKind::relative) return "relative";
  if (row.block.positions == PositionKind::learned)
    return row.block.position_offset > 0 ? concat("learned, from row ", row.block.position_offset) : "learned";
  if (row.block.local_theta > 0) return "rotary, another in windows";
  if (row.storage == StorageLayout::phi3) return "rotary, longrope";
  const auto share = row.default_rotary_share;
  return share > 0 && share < 1 ? concat("rotary, ", share, " of a head") : "rotary";
}

std::string biases_text(const Architecture& row) {
  if (row.block.mlp_bias && (row.attention_bias || row.storage == StorageLayout::opt)) return "all, by switch";
  if (row.block.mlp_bias && !row.block.query_key_value_bias) return "o, MLP";
  if (row.block.mlp_bias) return row.block.head_bias ? "all, and the head's" : "all";
  if (row.attention_bias) return "by switch";
  return row.block.query_key_value_bias ? "q, k, v" : "none";
}

/// A row of the table in words.
std::vector<std::string> words_of_row(const Architecture& row) {
  const auto& block = row.block;
  const char* head_norms[] = {"none", "each head", "all heads at once"};
  return {concat("`", row.model_type, "`"),
          concat("`", row.transformers_class, "`"),
          norm_text(block),
          mlp_text(row),
          positions_text(row),
          block.parallel_residual ? (block.shared_norm ? "parallel, one norm" : "parallel") : "in turn",
          head_norms[static_cast<int>(block.query_key_norm)],
          biases_text(row),
          row.tied_embeddings ? "tied" : "free",
          windows_text(row),
          scores_text(row)};
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
