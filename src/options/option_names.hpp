#pragma once
/// What options are called.
#include <map>
#include <string>
#include <vector>

namespace unpact {

/// Short names on the command line.
const std::map<std::string, std::string>& option_aliases();

/// Options that are no settings: what the program itself shall do.
const std::vector<std::string>& option_switches();

/// The keys of the option table.
std::vector<std::string> known_keys();

/// @param origin where it was given. @throws UserError always, with the nearest name that there is.
[[noreturn]] void refuse_unknown_key(const std::string& key, const std::string& origin);

}  // namespace unpact
