#pragma once
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Every option's own check, then what options say of each other. @throws UserError naming key, reason and hint.
void check_configuration(const Configuration& configuration);

}  // namespace unpact
