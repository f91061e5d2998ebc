#pragma once
/// What `unpact inspect model` finds out about a checkpoint folder.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/inspect/chat_template.hpp"
#include "unpact/core/json.hpp"
#include "unpact/checkpoint/checkpoint_survey.hpp"
#include "unpact/text/tokenizer.hpp"

namespace unpact {

struct ModelInspection {
  std::filesystem::path folder;
  std::optional<ModelConfig> config;
  WeightSurvey weights;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::optional<ChatTemplate> chat;
  std::string weights_checksum;  ///< empty: not computed
  bool values_read = true;
  std::int64_t ranks = 1;             ///< what memory is asked for
  std::vector<std::string> problems;  ///< why the model cannot be used
  std::vector<std::string> remarks;   ///< what should be known all the same

  bool usable() const { return problems.empty(); }
};

/// Looks at everything and goes on behind each problem. @param quick leaves out the weights' values and checksum.
/// @throws UserError only when there is no such folder.
ModelInspection inspect_checkpoint(const std::filesystem::path& folder, std::int64_t ranks, bool quick);

/// The memory table: ranks 1, 2, 4, 8 and what was asked for.
std::vector<std::int64_t> ranks_shown(std::int64_t asked);

/// For a person: "name: value" lines.
void print_inspection(const ModelInspection& found);

/// For programs: one object. Sizes in bytes, of a rank.
Json inspection_json(const ModelInspection& found);

}  // namespace unpact
