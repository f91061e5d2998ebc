#include "unpact/core/stop.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <limits>

namespace unpact {
namespace {

using Clock = std::chrono::system_clock;

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr std::array kNumbers = {SIGUSR1, SIGUSR2, SIGTERM};  // in the order of StopSignal

volatile std::sig_atomic_t came[kNumbers.size()] = {};
StopSignal heeded = StopSignal::usr1;
std::atomic<bool> progress = false;  // checkpoints are written by a thread of their own
const auto process_start = Clock::now();
double end_time = kNever;  // seconds since 1970
std::string end_text;      // what decides it, for people

void note_signal(int number) {
  for (std::size_t i = 0; i < kNumbers.size(); ++i)
    if (kNumbers[i] == number) came[i] = 1;
}

void install(int number, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // system calls under way go on
  sigaction(number, &action, nullptr);
}

double seconds_since_1970(Clock::time_point time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

}  // namespace

void install_stop_signal() {
  install(SIGUSR1, note_signal);
  install(SIGUSR2, note_signal);
}

void request_stop() { came[static_cast<std::size_t>(heeded)] = 1; }

void heed_stop_signal(StopSignal signal) {
  heeded = signal;
  for (std::size_t i = 0; i < kNumbers.size(); ++i)
    install(kNumbers[i], i == static_cast<std::size_t>(signal) ? note_signal : SIG_DFL);
}

std::string set_time_limit(double limit_seconds, const JobEnd& job_end) {
  const double start = seconds_since_1970(process_start);
  const bool over = job_end.seconds <= start;
  end_time = over ? kNever : job_end.seconds;
  const bool own = limit_seconds > 0 && start + limit_seconds < end_time;
  if (own) end_time = start + limit_seconds;
  end_text.clear();
  if (end_time != kNever)
    end_text = concat("This run stops by ", local_time(end_time), " at the latest (", own ? "run.time_limit" : "Slurm", ")");
  else if (!job_end.unknown.empty())
    end_text = concat("Slurm does not say when this job ends: ", job_end.unknown, "; run.time_limit sets an end");
  if (!over) return "";
  return concat("the job's end is ignored\n  reason: SLURM_JOB_END_TIME is ", static_cast<std::int64_t>(job_end.seconds),
                ", ", static_cast<std::int64_t>(start - job_end.seconds),
                " s before this program was started: it is that of another job\n"
                "  hint:   unset it; run.time_limit gives a time limit of one's own");
}

const std::string& describe_time_limit() { return end_text; }

bool stop_wanted(double reserve_seconds) {
  return stop_signal_came() || seconds_since_1970(Clock::now()) + reserve_seconds >= end_time;
}

bool stop_signal_came() { return came[static_cast<std::size_t>(heeded)] != 0; }

void leave_where_stop_is_wanted(const std::string& work) {
  constexpr double kReserve = 10;  // seconds to end in
  if (stop_wanted(kReserve))
    throw StoppedAtCheckpoint(concat("stopped in the middle of ", work), "the run was asked to, or its time is nearly over",
                              "start the same command again: of this nothing is kept, what came before is");
}

void note_progress() {
  if (progress.exchange(true)) return;
  if (const char* file = std::getenv("UNPACT_PROGRESS_FILE")) std::ofstream(file, std::ios::app);
}
bool made_progress() { return progress; }

void reset_stop() {
  for (auto& signal : came) signal = 0;
  heeded = StopSignal::usr1;
  end_time = kNever;
  end_text.clear();
  progress = false;
}

}  // namespace unpact
