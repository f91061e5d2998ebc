#pragma once
/// Models as a job opens them: their files are mapped, and read alike on all ranks; who answers with one loads it then.
#include <c10/core/ScalarType.h>

#include <filesystem>

#include "unpact/campaign/session.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/model/language_model.hpp"
#include "unpact/model/sharded_replica.hpp"
#include "unpact/options/configuration.hpp"

namespace unpact {

/// What a model's weights are when it answers (model.dtype). @throws UserError as effective_dtype.
c10::ScalarType answering_dtype(const Session& session, const Configuration& configuration, const LanguageModel& mapped);

/// Maps a model and takes its checksums, on one rank a node. Its weights are views of the files (MappedModel): nothing of
/// them is on a device. Collective over the session's world. @throws UserError on every rank: what map_language_model says
/// on any of them; when nodes read different contents, or the folder held others when this job opened it before.
LanguageModel map_alike(const Session& session, const Configuration& configuration, const std::filesystem::path& folder);

/// The mapped model with its weights in memory on this session's device, in `dtype`. Collective over `ranks`, which all get
/// the whole. @throws UserError on every rank: where a weight is not finite, or the files were replaced since they were
/// mapped.
LanguageModel load_mapped(const Session& session, const Communicator& ranks, const LanguageModel& mapped,
                          c10::ScalarType dtype);

/// Whether models that answer lie on shards of `ranks`: as model.replica says, and for auto where a whole one does not fit
/// on some rank. Collective. @param models that answer together. @param dtype of their weights.
bool asks_on_shards(const Session& session, const Communicator& ranks, const Configuration& configuration,
                    const ModelConfig& config, int models, c10::ScalarType dtype);

/// The mapped model as it answers: load_mapped(), or cut over `ranks` (asks_on_shards), which is said in the log. Collective
/// over `ranks`, which must outlive it. @throws UserError as load_mapped.
LanguageModel open_to_answer(const Session& session, const Communicator& ranks, const Configuration& configuration,
                             const LanguageModel& mapped, c10::ScalarType dtype);

/// This rank's pieces of a mapped model's weights. Collective over `ranks`. @throws UserError as load_mapped.
WeightPieces cut_mapped(const Session& session, const Communicator& ranks, const Transformer& mapped, c10::ScalarType dtype);

/// open_to_answer(), rounded as model.bits says. Collective over `ranks`, which must outlive it.
LanguageModel open_rounded(const Session& session, const Communicator& ranks, const Configuration& configuration,
                           const LanguageModel& mapped, c10::ScalarType dtype);

/// Both: a model that answers, in model.dtype.
LanguageModel load_alike(const Session& session, const Configuration& configuration, const std::filesystem::path& folder);

}  // namespace unpact
