#include "retrained_results.hpp"

#include "unpact/campaign/same_inputs.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {

std::string checksum_of_retrained(const MetricOptions& options) {
  return options.retrained.empty() ? "" : sha256_of_file(options.retrained);
}

void pin_retrained(const Communicator& world, Configuration& c) {
  if (c.metric.retrained.empty()) return;
  read_cell_file(c.metric.retrained);
  const auto checksum = checksum_of_retrained(c.metric);
  require_same_on_ranks(world, concat("file ", c.metric.retrained), checksum);
  if (c.metric.retrained_checksum.empty()) c.metric.retrained_checksum = checksum;
}

std::optional<CellRecord> read_retrained(const Communicator& group, const MetricOptions& options) {
  std::optional<CellRecord> record;
  if (options.retrained.empty()) return record;
  fail_together(group, [&] {
    const auto checksum = checksum_of_retrained(options);
    UNPACT_VALIDATE(options.retrained_checksum.empty() || options.retrained_checksum == checksum,
                    concat("the retrained model's results ", options.retrained,
                           " have another content than evaluation.retrained_checksum says"),
                    concat("it is ", checksum, ", not ", options.retrained_checksum),
                    "find the file that was meant; it must not change while a job runs");
    record = read_cell_file(options.retrained);
  });
  return record;
}

}  // namespace unpact
