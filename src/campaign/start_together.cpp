#include "unpact/campaign/start_together.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/run_identity.hpp"
#include "unpact/core/stop.hpp"

namespace unpact {
namespace {

std::int64_t number_in_environment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

}  // namespace

ArrayPlace array_place() {
  const auto count = number_in_environment("SLURM_ARRAY_TASK_COUNT", 1);
  if (count <= 1) return {};
  const auto first = number_in_environment("SLURM_ARRAY_TASK_MIN", 0);
  return {std::max<std::int64_t>(number_in_environment("SLURM_ARRAY_TASK_ID", first) - first, 0), count};
}

std::size_t place_among_groups(const Communicator& world, const Communicator& group) {
  const auto groups = static_cast<std::size_t>(world.size() / group.size());
  return static_cast<std::size_t>(array_place().index) * groups + static_cast<std::size_t>(world.rank() / group.size());
}

double start_delay(std::int64_t jobs, std::uint64_t seed) {
  constexpr std::int64_t kMany = 64;
  constexpr double kEach = 0.1, kLongest = 120;
  if (jobs < kMany) return 0;
  return std::min(kEach * static_cast<double>(jobs), kLongest) * random_uniform(seed, stream_of("start"), 0);
}

void wait_among_many() {
  const auto place = array_place();
  const auto self = run_identity();
  const double delay = start_delay(place.count, std::hash<std::string>{}(concat(self.job, " ", self.restart)));
  if (delay == 0) return;
  log::info(concat("Begins in ", std::lround(delay), " s: ", place.count,
                   " jobs of this array would ask the file system at the same moment"));
  constexpr double kStep = 0.5;
  for (double left = delay; left > 0 && !stop_wanted(); left -= kStep)
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, kStep)));
}

}  // namespace unpact
