#pragma once
/// What a claim's file says; private to this layer.
#include <optional>
#include <string>

#include "unpact/campaign/claims.hpp"

namespace unpact {

/// This process and its batch job, as its claims say it.
ClaimHolder this_process();

/// Of one size, so that a renewal in place leaves nothing of an older text after it.
std::string text_of(const ClaimHolder& holder);

/// Nothing: it is not written to its end yet, or says nothing that can be used.
std::optional<ClaimHolder> parse_claim(const std::string& text, std::int64_t generation, const std::string& where);

/// The same; nothing also where the file is gone.
std::optional<ClaimHolder> read_claim(const std::filesystem::path& file, std::int64_t generation);

/// Who took it, and when: the same at every beat, and another for every time that something was taken.
std::string taking_of(const ClaimHolder& holder);

/// Whether the holder is known to be dead to a process that is `own`.
bool is_dead(const ClaimHolder& holder, const ClaimHolder& own);

}  // namespace unpact
