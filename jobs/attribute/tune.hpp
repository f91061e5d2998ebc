#pragma once
/// The KeyToken threshold search.
#include "unpact/options/configuration.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

/// Attributes the gold answers, scores every alpha and beta of the grid, writes `run.output`/tuning.h5 and prints the
/// best pair with its neighbours. Collective over the session's world.
ExitCode tune_thresholds(const Session& session, const Configuration& configuration);

}  // namespace unpact
