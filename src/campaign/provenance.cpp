#include "provenance.hpp"

#include <cctype>

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/run_identity.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace {

/// The root's: an attribute is the same on every rank that writes.
std::map<std::string, std::string> shared_environment(const Communicator& group) {
  const Json own = launch_environment();
  return parse_json(group.broadcast(own.dump(-1, ' ', false, Json::error_handler_t::replace), 0), "the environment")
      .get<std::map<std::string, std::string>>();
}

Provenance provenance_of(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                         Made made) {
  const auto inputs = checksums_of(baseline.dataset_checksum, baseline.target);
  Provenance p;
  p.started = utc_now();
  p.resolved_configuration = resolved_configuration(c, made, inputs);
  p.seed = static_cast<std::int64_t>(c.run.seed);
  p.world_size = session.world().size();
  p.group_size = group.size();
  p.devices = group.size() == session.world().size()
                  ? session.devices()
                  : group.all_gather(session.devices()[static_cast<std::size_t>(session.world().rank())]);
  p.model_checksum = inputs.model;
  p.tokenizer_checksum = inputs.tokenizer;
  p.library_versions = library_versions();
  p.processes = group.all_gather(run_identity().describe());
  p.environment = shared_environment(group);
  return p;
}

}  // namespace

std::string file_safe(std::string name) {
  for (auto& character : name)
    if (!std::isalnum(static_cast<unsigned char>(character)) && character != '-' && character != '_' && character != '.')
      character = '-';
  return name;
}

CellRecord start_record(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                        Made made) {
  UNPACT_EXPECT(c.model.dtype != ModelDtype::automatic && c.train.dtype != ComputeType::automatic);  // pin_dtypes
  CellRecord record;
  record.id = cell_id(c);
  record.model = c.model.name;
  record.dataset = c.dataset.name;
  record.method = c.method.name;
  record.provenance = provenance_of(session, group, baseline, c, made);
  const auto& a = c.attribution;
  record.attribution_method = a.method;
  record.attribution_settings = used_settings(a.method, a.settings, *baseline.target.tokenizer);
  record.contribution_unit = unit_of(a.method);
  record.alpha = a.keys.alpha;
  record.beta = a.keys.beta;
  record.compute_dtype = name_of_value(c.model.dtype);
  record.halves = baseline.dataset.halves;
  record.skipped_questions = baseline.skipped_questions;
  return record;
}

std::string fingerprint_of_cell(const Baseline& baseline, const Configuration& c) {
  return fingerprint_of_cell(checksums_of(baseline.dataset_checksum, baseline.target), c);
}

}  // namespace unpact
