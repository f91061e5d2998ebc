#pragma once
/// What several jobs in one folder all need is made by one of them.
#include <functional>
#include <string>

#include "unpact/campaign/claims.hpp"
#include "unpact/campaign/while_busy.hpp"
#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Makes something under a claim, unless it is made already; while somebody else makes it, waits, or leaves it to them.
/// Collective over `ranks`.
/// @param claims the root's; nullptr: nobody else works in the folder.
/// @param is_made asked on the root alone, and once more when it holds the claim. @param make collective over `ranks`.
/// @return whether it was made here. @throws StoppedAtCheckpoint on every rank when asked to stop while it waits;
/// MadeElsewhere on every rank with WhileBusy::leave.
bool make_once(const Communicator& ranks, Claims* claims, const std::string& name, const std::function<bool()>& is_made,
               const std::function<void()>& make, WhileBusy while_busy = WhileBusy::wait);

}  // namespace unpact
