#include "unpact/core/run_identity.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "unpact/core/process_identity.hpp"
#include "unpact/core/text.hpp"

namespace unpact {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : shortened(value);
}

/// SLURM_JWT is a token to log in with; Open MPI's key lets processes join a job, and its addresses are of no use later.
bool is_secret(const std::string& name) {
  constexpr std::array<std::string_view, 9> kSecrets = {"JWT",    "TOKEN",  "KEY",          "SECRET", "PASSW",
                                                        "CREDEN", "COOKIE", "PRECONDITION", "_URI"};
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return std::ranges::any_of(kSecrets, [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

bool is_for_the_record(const std::string& name) {
  constexpr std::array<std::string_view, 4> kFamilies = {"SLURM_", "NCCL_", "OMPI_", "UCX_"};
  return std::ranges::any_of(kFamilies, [&](std::string_view family) { return name.starts_with(family); }) &&
         !is_secret(name);
}

/// OMPI_ARGV holds the command line: of `env SOME_KEY=... unpact`, say, the key.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets) {
  for (const auto& secret : secrets) text = replace_all(text, secret, "(hidden)");
  return text;
}

}  // namespace

RunIdentity run_identity() {
  RunIdentity identity;
  identity.host = host_name();
  identity.job = variable("SLURM_JOB_ID");
  const auto array = variable("SLURM_ARRAY_JOB_ID"), index = variable("SLURM_ARRAY_TASK_ID");
  if (!array.empty() && !index.empty()) identity.array_task = concat(array, "_", index);
  identity.task = variable("SLURM_PROCID");
  identity.restart = std::atoll(variable("SLURM_RESTART_COUNT").c_str());
  return identity;
}

std::string RunIdentity::describe() const {
  auto text = concat("host ", host);
  if (!job.empty()) text += concat(", job ", job);
  if (!array_task.empty()) text += concat(", array task ", array_task);
  if (!task.empty()) text += concat(", task ", task);
  if (restart > 0) text += concat(", started again ", restart, " time(s)");
  return text;
}

std::map<std::string, std::string> launch_environment() {
  constexpr std::size_t kMostBytes = 1 << 14;
  constexpr std::size_t kShortestSecret = 6;  // shorter values, such as 1, stand for anything
  std::map<std::string, std::string> found, kept;
  std::vector<std::string> secrets;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto end = std::min(text.find('='), text.size());
    const std::string name(text.substr(0, end));
    if (end < text.size() && is_for_the_record(name)) found[name] = text.substr(end + 1);
    if (is_secret(name) && text.size() > end + kShortestSecret) secrets.emplace_back(text.substr(end + 1));
  }
  for (auto& [name, value] : found) value = shortened(without_secrets(value, secrets));
  std::size_t bytes = 0;
  for (const auto& [name, value] : found)
    if ((bytes += name.size() + value.size() + 8) < kMostBytes) kept[name] = value;
  return kept;
}

std::int64_t tasks_of_step() {
  // In a batch script's own shell SLURM_PROCID is set too, but not the number of tasks of a step.
  const auto tasks = variable("SLURM_STEP_NUM_TASKS");
  return tasks.empty() ? 0 : std::atoll(tasks.c_str());
}

}  // namespace unpact
