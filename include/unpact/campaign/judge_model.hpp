#pragma once
/// The model that a judge asks, beside those that are judged.
#include <optional>

#include "unpact/campaign/session.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// Fills in judge.model_checksum, unless it is given, from the weights and config.json of judge.model, and likewise
/// judge.passages_checksum. Collective over `world`. @throws UserError for a folder without a model, for a model or passages of
/// another content than was given, and where its tokenizer
/// (that of model.path, where the model judges itself) cannot say judge.yes and judge.no apart.
void pin_judge_model(const Communicator& world, Configuration& configuration);

/// The part of pin_judge_model that only reads small files: what can be said before memory is planned. Independent.
void check_judge_model(const Configuration& configuration);

/// Its files mapped; none where no judge asks a model of its own. Collective over the session's world.
std::optional<LanguageModel> map_judge(const Session& session, const Configuration& configuration);

/// What evaluations are told, with that model on this session's device, cut over `group` where model.replica says so.
/// Collective over `group`, which must outlive it. @param mapped by map_judge().
EvaluationOptions open_judge(const Session& session, const Communicator& group, const Configuration& configuration,
                             const std::optional<LanguageModel>& mapped);

/// Bytes that a rank holds of it. @param bytes a number. @param tokens that run at once. @param shards ranks that it is cut
/// over.
double judge_bytes(const Configuration& configuration, double bytes, std::int64_t tokens, int shards);

}  // namespace unpact
