#pragma once
#include <string>

#include "unpact/options/configuration.hpp"

namespace unpact {

/// Every option's own check, then what options say of each other. @throws UserError naming key, reason and hint.
void check_configuration(const Configuration& configuration);

/// What is wrong with the method, or between it and the other options. Apart, since a campaign's own configuration has none: each
/// of its cells brings one. @throws UserError.
void check_chosen_method(const Configuration& configuration);

/// @throws UserError for a model that answers over HTTP in a job that needs weights.
void check_endpoints(const Configuration& configuration, const std::string& job);

/// @throws UserError for model.bits where a job trains, whose weights move by less than a step of few bits, and beside a model
/// that answers over HTTP.
void check_bits(const Configuration& configuration, const std::string& job);

}  // namespace unpact
