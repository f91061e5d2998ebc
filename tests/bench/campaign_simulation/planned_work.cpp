#include "planned_work.hpp"

#include <algorithm>

#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"

namespace unpact::simulation {
namespace {

double seconds_of(const Json& stages, double ranks) {
  double sum = 0;
  for (const auto& stage : stages) sum += stage.at("gpu_seconds").get<double>();
  return sum / ranks;
}

PlannedPair planned_pair(const Json& json, double ranks) {
  PlannedPair pair;
  pair.name = json.at("shared").at("id").get<std::string>();
  if (!json.at("shared").at("finished").get<bool>()) pair.target_seconds = seconds_of(json.at("shared").at("stages"), ranks);
  for (const auto& cell : json.at("cells")) {
    if (cell.at("state") == "finished") continue;
    pair.cells.push_back(cell.at("id").get<std::string>());
    pair.cell_seconds.push_back(seconds_of(cell.at("stages"), ranks));
  }
  return pair;
}

}  // namespace

void PlannedWork::stretch(double factor) {
  for (auto& pair : pairs) {
    pair.target_seconds *= factor;
    for (auto& seconds : pair.cell_seconds) seconds *= factor;
  }
}

std::int64_t PlannedWork::cells() const {
  std::int64_t count = 0;
  for (const auto& pair : pairs) count += static_cast<std::int64_t>(pair.cells.size());
  return count;
}

double PlannedWork::seconds() const {
  double sum = 0;
  for (const auto& pair : pairs)
    for (const auto seconds : pair.cell_seconds) sum += seconds;
  return sum;
}

double PlannedWork::longest_cell() const {
  double longest = 0;
  for (const auto& pair : pairs)
    for (const auto seconds : pair.cell_seconds) longest = std::max(longest, seconds);
  return longest;
}

double PlannedWork::longest_target() const {
  double longest = 0;
  for (const auto& pair : pairs) longest = std::max(longest, pair.target_seconds);
  return longest;
}

PlannedWork read_planned_work(const std::filesystem::path& file) {
  constexpr std::uintmax_t kMaxBytes = 1 << 28;
  const auto json = parse_json(read_file(file, kMaxBytes), file.string(), 8);
  PlannedWork work;
  try {
    const auto ranks = json.at("ranks_per_cell").get<double>();
    for (const auto& pair : json.at("pairs")) work.pairs.push_back(planned_pair(pair, ranks));
  } catch (const Json::exception& error) {
    throw UserError(concat("cannot use the plan ", file.string()), error.what(), "write it with reproduce --dry-run --json");
  }
  UNPACT_VALIDATE(work.cells() > 0 && work.longest_cell() > 0, concat("nothing can be simulated by ", file.string()),
                  "it has no cells that are left, or no times", "name a GPU: --plan.gpu h100 --run.device cuda");
  return work;
}

}  // namespace unpact::simulation
