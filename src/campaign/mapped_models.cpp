#include "unpact/campaign/mapped_models.hpp"

#include <functional>
#include <optional>

#include "unpact/campaign/same_inputs.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/model/compute_dtype.hpp"

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

LanguageModel load_alike(const Session& session, const Configuration& c, const fs::path& folder) {
  const auto mapped = map_alike(session, c, folder);
  return load_mapped(session, session.world(), mapped, answering_dtype(session, c, mapped));
}

}  // namespace unpact
