#pragma once
/// Sections [pair MODEL DATASET] of a configuration: what only this model on this dataset has, in whole keys
/// (`unlearn.learning_rate = 1e-5`). The names are those of campaign.models and campaign.datasets.
#include <compare>
#include <string>
#include <vector>

namespace unpact {

struct PairName {
  std::string model, dataset;
  auto operator<=>(const PairName&) const = default;
};

bool is_pair_section(const std::string& section);

/// "MODEL DATASET" of such a section's name.
std::string names_of_pair(const std::string& section);

/// The name of the section of a pair.
std::string pair_section(const PairName& pair);

/// Which pair is meant. Names may hold spaces: the lists say where the first one ends.
/// @param origin file and line. @throws UserError for names that are not in the lists.
PairName split_pair(const std::string& names, const std::vector<std::string>& models,
                    const std::vector<std::string>& datasets, const std::string& origin);

/// Refuses options that a campaign has once for all its pairs. @throws UserError naming file and line.
void check_key_of_pair(const std::string& key, const std::string& origin);

}  // namespace unpact
