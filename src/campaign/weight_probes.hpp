#pragma once
/// Probes that train: rows of probe_table() whose makers need a trainer.
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/campaign/session.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/data/dataset.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// What a training of a probed model has at hand.
struct ProbeTraining {
  const Session& session;
  const Configuration& configuration;
  const Dataset& dataset;
  std::string identity;          ///< what the probed models depend on: a fingerprint
  std::filesystem::path folder;  ///< where trainings that a stop interrupts go on; empty: nowhere
};

/// probe_table() with relearning. @param training its references must outlive the rows.
std::vector<ProbeRow> weight_probe_table(const ProbeTraining& training);

}  // namespace unpact
