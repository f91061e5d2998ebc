#pragma once
/// What several jobs in one folder all need is made by one of them.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "unpact/campaign/claims.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

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

/// Makes something under a claim, unless it is made already; while another job makes it, waits. Collective over `ranks`.
/// @param claims the root's; nullptr: nobody else works in the folder.
/// @param is_made asked on the root alone, and once more when it holds the claim. @param make collective over `ranks`.
/// @return whether it was made here. @throws StoppedAtCheckpoint on every rank when asked to stop while it waits.
bool make_once(const Communicator& ranks, Claims* claims, const std::string& name, const std::function<bool()>& is_made,
               const std::function<void()>& make);

}  // namespace unpact
