#include "unpact/core/job_end.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "unpact/core/program_output.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// As squeue takes it. SLURM_JOB_ID of one task of an array means the whole array to it.
std::string own_job() {
  const auto array = variable("SLURM_ARRAY_JOB_ID"), task = variable("SLURM_ARRAY_TASK_ID"), job = variable("SLURM_JOB_ID");
  if (is_number(array) && is_number(task)) return concat(array, "_", task);
  return is_number(job) ? job : "";
}

}  // namespace

JobEnd job_end_in_environment() {
  const auto text = variable("SLURM_JOB_END_TIME");
  char* rest = nullptr;
  const double value = std::strtod(text.c_str(), &rest);
  if (text.empty() || *rest != '\0' || !std::isfinite(value) || value <= 0) return {};
  return {.seconds = value};
}

JobEnd job_end_of_batch_system(double patience_seconds) {
  auto end = job_end_in_environment();
  const auto job = own_job();
  if (std::isfinite(end.seconds) || job.empty()) return end;
  const auto said = output_of_program({"squeue", "--noheader", "--jobs", job, "--format", "%e"}, patience_seconds,
                                      {"SQUEUE_*"}, {"SLURM_TIME_FORMAT=standard"});
  end.unknown = said.problem;
  if (!said.problem.empty()) return end;
  for (const auto& line : split_list(said.text, '\n'))
    end.seconds = std::min(end.seconds, seconds_of_local_time(trim(line)));
  if (!std::isfinite(end.seconds)) end.unknown = concat("squeue says '", trim(said.text.substr(0, 100)), "'");
  return end;
}

double seconds_of_local_time(const std::string& text) {
  double earliest = std::numeric_limits<double>::infinity();
  for (const int summer : {0, 1}) {
    std::tm parts{}, back{};
    const char* rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == nullptr || *rest != '\0') return earliest;
    const int hour = parts.tm_hour;
    parts.tm_isdst = summer;
    const std::time_t time = std::mktime(&parts);
    if (time > 0 && ::localtime_r(&time, &back) != nullptr && back.tm_hour == hour)
      earliest = std::min(earliest, static_cast<double>(time));
  }
  return earliest;
}

std::string local_time(double seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  char text[64] = {};
  if (::localtime_r(&time, &parts) == nullptr) return "?";
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z", &parts);
  return text;
}

}  // namespace unpact
