#include "unpact/campaign/batch_queue.hpp"

#include <algorithm>
#include <sstream>

#include "unpact/core/program_output.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

bool is_job_id(const std::string& id) {
  return !id.empty() && id.size() <= 20 && id.find_first_not_of("0123456789") == std::string::npos;
}

std::vector<std::string> columns_of(const std::string& line) {
  std::vector<std::string> columns;
  std::istringstream in(line);
  for (std::string column; std::getline(in, column, '|');) columns.push_back(trim(column));
  return columns;
}

}  // namespace

const QueuedJob* BatchQueue::find(const std::string& id) const {
  const auto found = std::ranges::find(jobs, id, &QueuedJob::id);
  return found == jobs.end() ? nullptr : &*found;
}

BatchQueue ask_squeue(const std::vector<std::string>& ids, double limit_seconds) {
  BatchQueue queue;
  std::vector<std::string> wanted;
  for (const auto& id : ids)
    if (is_job_id(id) && std::ranges::find(wanted, id) == wanted.end()) wanted.push_back(id);
  if (wanted.empty()) {
    queue.note = "no Slurm job holds anything";
    return queue;
  }
  const auto output =
      output_of_program({"squeue", "--noheader", concat("--jobs=", join(wanted, ",")), "--format=%A|%T|%M|%l|%D|%R|%j"},
                        limit_seconds, {}, {}, true);
  // All of them ended a while ago: then Slurm does not know the ids any more, and says so.
  queue.is_known = output.status == 0 || output.text.find("Invalid job id") != std::string::npos;
  if (!output.is_there) queue.note = "Slurm is not here (no squeue in PATH)";
  else if (!queue.is_known) queue.note = output.status > 0 ? shortened(trim(output.text)) : output.problem;
  if (output.status != 0) return queue;
  std::istringstream lines(output.text);
  for (std::string line; std::getline(lines, line);) {
    const auto c = columns_of(line);
    if (c.size() >= 6 && is_job_id(c[0]))
      queue.jobs.push_back({c[0], c[1], c[2], c[3], c[4], c[5], c.size() > 6 ? c[6] : ""});
  }
  return queue;
}

}  // namespace unpact
