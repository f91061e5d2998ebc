#include "unpact/campaign/mapped_models.hpp"

#include <functional>
#include <optional>

#include "unpact/campaign/same_inputs.hpp"
#include "unpact/campaign/stage_shapes.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/model/compute_dtype.hpp"
#include "unpact/model/quantization.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// Takes the checksum on one rank a node. A rank that has opened other files than that one takes its own.
std::string checksum_by_node(const Communicator& world, const std::string& stamp, const std::function<std::string()>& take) {
  const auto node = world.split_by_node();
  std::string sum;
  fail_together(world, [&] { sum = node.is_root() ? take() : ""; });
  const auto first = node.broadcast(stamp, 0);
  const auto shared = node.broadcast(sum, 0);
  fail_together(world, [&] { sum = stamp == first ? shared : take(); });
  return sum;
}

}  // namespace

c10::ScalarType answering_dtype(const Session& session, const Configuration& c, const LanguageModel& mapped) {
  return resolve_dtype(c.model.dtype, mapped.stored, session.device());
}

LanguageModel map_alike(const Session& session, const Configuration& c, const fs::path& folder) {
  const auto& world = session.world();
  const auto stamp = FirstLoads::stamp_of(folder);
  std::optional<MappedModel> mapped;
  fail_together(world, [&] { mapped = map_language_model(folder, c.prompt.resolve()); });
  auto& model = mapped->model;
  model.checksums.weights = checksum_by_node(world, stamp, mapped->weights_checksum);
  require_same_on_ranks(world, model);
  session.loads().require_unchanged(model, stamp);
  return std::move(model);
}

LanguageModel load_mapped(const Session& session, const Communicator& ranks, const LanguageModel& mapped,
                          c10::ScalarType dtype) {
  std::optional<LanguageModel> model;
  fail_together(ranks, [&] {
    model = load_language_model(mapped.folder, mapped.prompt_template, session.device(), dtype);
    session.loads().require_unchanged();
  });
  model->checksums = mapped.checksums;
  return std::move(*model);
}

bool asks_on_shards(const Session& session, const Communicator& ranks, const Configuration& c, const ModelConfig& config,
                    int models, c10::ScalarType dtype) {
  if (c.model.replica != Replica::automatic) return c.model.replica == Replica::sharded && ranks.size() > 1;
  ScoringShape shape;
  shape.bytes = static_cast<double>(c10::elementSize(dtype));
  shape.models = models;
  const double sharing = session.device().is_cpu() ? ranks.split_by_node().size() : 1;
  const auto room = static_cast<double>(available_memory(session.device())) / sharing;
  return ranks.max(std::int64_t{shards_to_ask(c, config, shape, ranks.size(), room)}) > 1;
}

WeightPieces cut_mapped(const Session& session, const Communicator& ranks, const Transformer& mapped,
                        c10::ScalarType dtype) {
  WeightPieces pieces(mapped.config(), ranks, dtype, session.device());
  fail_together(ranks, [&] {
    pieces.take_all(mapped.weights());
    const auto broken = pieces.first_non_finite();
    UNPACT_VALIDATE(broken.empty(), concat("the weight ", broken, " cannot be used"), "it holds a value that is not finite",
                    "fetch the checkpoint again, or choose a model.dtype of greater range");
    session.loads().require_unchanged();
  });
  return pieces;
}

LanguageModel open_to_answer(const Session& session, const Communicator& ranks, const Configuration& c,
                             const LanguageModel& mapped, c10::ScalarType dtype) {
  const auto& model = mapped.transformer;
  if (remote_of(model) != nullptr) return mapped;
  const int models = model.reinforced() == nullptr ? 1 : 2;
  if (!asks_on_shards(session, ranks, c, model.config(), models, dtype)) return load_mapped(session, ranks, mapped, dtype);
  log::info(concat("The model is asked on shards of ", ranks.size(), " rank(s) (model.replica = ",
                   name_of_value(c.model.replica), "): every pass gathers its weights, and generation is slower"));
  auto pieces = cut_mapped(session, ranks, model, dtype);
  auto sharded = models == 1
                     ? sharded_transformer(ranks, std::move(pieces))
                     : sharded_transformer(ranks, std::move(pieces), cut_mapped(session, ranks, *model.reinforced(), dtype),
                                           model.contrast_scale());
  return {std::move(sharded), mapped.tokenizer, mapped.prompt_template, mapped.folder, mapped.checksums, mapped.stored};
}

LanguageModel open_rounded(const Session& session, const Communicator& ranks, const Configuration& c,
                           const LanguageModel& mapped, c10::ScalarType dtype) {
  auto model = open_to_answer(session, ranks, c, mapped, dtype);
  model.transformer = rounded_to(ranks, std::move(model.transformer), c.model.bits);
  return model;
}

LanguageModel load_alike(const Session& session, const Configuration& c, const fs::path& folder) {
  const auto mapped = map_alike(session, c, folder);
  return open_to_answer(session, session.world(), c, mapped, answering_dtype(session, c, mapped));
}

}  // namespace unpact
