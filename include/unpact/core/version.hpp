#pragma once
#include <string>

namespace unpact {

std::string version();     ///< e.g. 0.1.0
std::string git_commit();  ///< the commit that was built, "+" appended when the tree had changes; "unknown" without git
std::string build_type();
std::string compiler();

}  // namespace unpact
