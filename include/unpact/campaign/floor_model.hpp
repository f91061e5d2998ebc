#pragma once
/// The model that was never taught the forget set: what it gets right is guessed, echoed, or told by the question.
#include <filesystem>

#include "unpact/comm/communicator.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Its folder: campaign.floor_model; else, where the target is fine-tuned from a checkpoint, that checkpoint; else empty:
/// there is none.
std::filesystem::path floor_model_folder(const Configuration& configuration);

/// What it is, for people and results.
std::string floor_model_label(const Configuration& configuration);

/// Fills in campaign.floor_checksum, unless it is given, from the weights and config.json in its folder. Collective over
/// `world`.
/// @throws UserError for a folder without a model, one of another content than was given, and a tokenizer that is not the
/// target's.
void pin_floor_model(const Communicator& world, Configuration& configuration);

}  // namespace unpact
