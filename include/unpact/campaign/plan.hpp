#pragma once
/// A campaign before it runs: every cell with its configuration, resolved and checked before a device is touched or a file
/// is written.
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// One model and dataset with the cells that share their target.
struct Pair {
  Configuration configuration;
  /// Methods (x points of their sweep) x seeds (x steps of campaign.sequence, in order), the costliest first.
  std::vector<Configuration> cells;
  std::string settings = {};  ///< digest of all that its cells have in common: of any methods and seeds
};

/// Models x datasets (x campaign.forget_sets), in the order of the configuration. @param line the campaign's command line,
/// resolved once more for every choice. @throws UserError: whatever is wrong with a cell; no cells; two that would write the
/// same file.
std::vector<Pair> make_plan(const CommandLine& line, const CampaignOptions& campaign);

/// The ranks that work on one cell together: equal blocks of neighbours. Collective over `world`.
/// @throws UserError when the world cannot be cut into groups of this size.
Communicator split_groups(const Communicator& world, std::int64_t ranks_per_cell);

/// How many ranks make a target together: all, where a campaign has one pair; else each group makes its own (PairWalker).
inline std::int64_t ranks_of_target(std::size_t pairs, std::int64_t ranks_per_cell, std::int64_t world) {
  return pairs == 1 ? world : ranks_per_cell;
}

}  // namespace unpact
