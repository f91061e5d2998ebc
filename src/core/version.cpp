#include "unpact/core/version.hpp"

#include "unpact/build_info.hpp"

namespace unpact {

std::string version() { return UNPACT_VERSION; }
std::string git_commit() { return UNPACT_GIT_COMMIT; }
std::string build_type() { return UNPACT_BUILD_TYPE; }
std::string compiler() { return UNPACT_COMPILER; }

}  // namespace unpact
