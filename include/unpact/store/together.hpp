#pragma once
/// Errors that every rank of a group learns about at the same place.
#include <functional>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Collective: every rank runs `step`; when it throws anywhere, this throws everywhere. A rank that failed keeps its
/// own exception, the others get a RuntimeFailure that names the first rank that failed and its reason.
/// `step` may be collective itself as long as it cannot fail on one rank while another waits inside it.
void all_or_none(const Communicator& group, const std::function<void()>& step);

}  // namespace unpact
