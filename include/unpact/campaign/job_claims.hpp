#pragma once
/// Claims as the ranks of one job take them.
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "unpact/campaign/claims.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Between two looks at a claim that somebody else holds.
inline constexpr std::chrono::milliseconds kClaimPause(500);

/// The claims of `folder`/claims as a job takes them: under one name for all its ranks, which is asked to stop when it loses
/// one. Collective over `world`.
Claims claims_of_job(const Communicator& world, const std::filesystem::path& folder, const CampaignOptions& options);

/// A claim that this job needs to go on: one whose holder is dead is taken over. Called by one rank.
/// @throws UserError naming the holder while it lives; StoppedAtCheckpoint when asked to stop before that is known.
Claim claim_or_refuse(Claims& claims, const std::string& name);

/// Holds a job's output folder against a second job of this kind. Collective over `world`. @throws as claim_or_refuse, on
/// every rank.
class OutputClaim {
 public:
  OutputClaim(const Communicator& world, const std::filesystem::path& folder, const std::string& job,
              const CampaignOptions& options);

 private:
  Claims claims_;
  std::optional<Claim> claim_;  ///< on the root
};

}  // namespace unpact
