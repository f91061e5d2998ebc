/// campaign_simulation PLAN FOLDER [--option value ...]: the table of scripts/simulate-campaign.
#include <cstdio>
#include <exception>
#include <string>

#include "simulation.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"

namespace unpact::simulation {
namespace {

constexpr double kHour = 3600;

struct Arguments {
  std::string plan, folder, jobs = "1,4,16,64,256,1024";
  double stretch = 1, node_failures = 0;
  Settings settings;
};

double number(const std::string& option, const std::string& value) {
  try {
    std::size_t end = 0;
    const double result = std::stod(value, &end);
    if (end == value.size() && result >= 0) return result;
  } catch (const std::exception&) {
  }
  throw UserError(concat("option ", option, " is '", value, "'"), "it must be a number, not below 0", "see --help");
}

std::int64_t count(const std::string& option, const std::string& value) {
  return static_cast<std::int64_t>(number(option, value));
}

void set(Arguments& arguments, const std::string& option, const std::string& value) {
  auto& s = arguments.settings;
  if (option == "--jobs") arguments.jobs = value;
  else if (option == "--stretch") arguments.stretch = number(option, value);
  else if (option == "--seed") s.seed = static_cast<std::uint64_t>(number(option, value));
  else if (option == "--targets-made") s.targets_are_made = number(option, value) > 0;
  else if (option == "--start-spread") s.start_spread = number(option, value);
  else if (option == "--stale-after") s.stale_after = number(option, value);
  else if (option == "--node-failure-hours") s.node_failure_mean = kHour * number(option, value);
  else if (option == "--node-failures") arguments.node_failures = number(option, value);
  else if (option == "--preemption-hours") s.preemption_mean = kHour * number(option, value);
  else if (option == "--requeue-seconds") s.requeue_mean = number(option, value);
  else if (option == "--checkpoint-seconds") s.checkpoint_every = number(option, value);
  else if (option == "--start-operations") s.start_operations = count(option, value);
  else if (option == "--target-operations") s.target_operations = count(option, value);
  else if (option == "--cell-operations") s.cell_operations = count(option, value);
  else if (option == "--save-operations") s.save_operations = count(option, value);
  else if (option == "--collect-operations") s.collect_operations = count(option, value);
  else throw UserError(concat("unknown option ", option), "", "see --help");
}

Arguments parse(int count, char** values) {
  UNPACT_VALIDATE(count >= 3 && count % 2 == 1, "too few arguments",
                  "a plan and a folder come first, then options with values",
                  "scripts/simulate-campaign calls this program");
  Arguments arguments;
  arguments.plan = values[1];
  arguments.folder = values[2];
  for (int i = 3; i + 1 < count; i += 2) set(arguments, values[i], values[i + 1]);
  UNPACT_VALIDATE(arguments.settings.stale_after > 0 && arguments.settings.checkpoint_every > 0, "an interval is 0",
                  "claims grow stale and checkpoints are written after some time", "use 180 and 900");
  return arguments;
}

void print_row(const Outcome& o, std::int64_t jobs) {
  std::printf("| %lld | %.1f | %.1f | %.2f %% | %.2f %% | %.0f | %.2f %% | %lld + %lld | %lld | %.2f | %.1f | %.1f |\n",
              static_cast<long long>(jobs), o.makespan / 60, o.run_out / 60, 100 * o.idle_share, 100 * o.waiting_share,
              o.start_delay, 100 * o.lost_share, static_cast<long long>(o.failures), static_cast<long long>(o.preemptions),
              static_cast<long long>(o.collections), o.operations_mean, o.operations_busiest_minute,
              o.operations_after_start);
  std::fflush(stdout);
}

void print_kinds(const std::vector<std::pair<std::int64_t, Outcome>>& outcomes) {
  std::printf("\n| jobs | operations in all | of these |\n|---|---|---|\n");
  for (const auto& [jobs, outcome] : outcomes) {
    std::printf("| %lld | %.0f |", static_cast<long long>(jobs), outcome.operations);
    for (const auto& [kind, count] : outcome.operations_by_kind)
      if (count > 0) std::printf(" %s %.1f %%;", kind.c_str(), 100 * count / outcome.operations);
    std::printf(" |\n");
  }
}

void run(const Arguments& arguments) {
  auto work = read_planned_work(arguments.plan);
  work.stretch(arguments.stretch);
  const double failure_mean =
      arguments.node_failures > 0 ? work.seconds() / arguments.node_failures : arguments.settings.node_failure_mean;
  std::printf("%lld cells of %zu pairs, %.1f h in all by one job; longest cell %.1f min, longest target %.1f min\n\n",
              static_cast<long long>(work.cells()), work.pairs.size(), work.seconds() / kHour, work.longest_cell() / 60,
              work.longest_target() / 60);
  std::printf(
      "| jobs | makespan, min | cells run out, min | idle until then | idle of all time | start delay, s | lost work "
      "| node failures + preemptions | collected | operations/s | busiest minute | busiest after ten minutes "
      "|\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  std::vector<std::pair<std::int64_t, Outcome>> outcomes;
  for (const auto& text : split_list(arguments.jobs)) {
    auto settings = arguments.settings;
    settings.node_failure_mean = failure_mean;
    settings.jobs = static_cast<std::int64_t>(number("--jobs", text));
    UNPACT_VALIDATE(settings.jobs > 0, "a campaign of no jobs", "it would never end", "name numbers from 1");
    const auto folder = std::filesystem::path(arguments.folder) / text;
    outcomes.emplace_back(settings.jobs, simulate(work, settings, folder));
    print_row(outcomes.back().second, settings.jobs);
    remove_folder(folder);
  }
  print_kinds(outcomes);
}

}  // namespace
}  // namespace unpact::simulation

int main(int count, char** values) {
  try {
    unpact::simulation::run(unpact::simulation::parse(count, values));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
