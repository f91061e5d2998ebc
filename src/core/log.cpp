#include "unpact/core/log.hpp"

#include <fstream>
#include <iostream>
#include <mutex>

#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log_folder.hpp"
#include "unpact/core/standard_streams.hpp"

namespace unpact::log {
namespace {

struct State {
  int rank = 0, world_size = 1;
  bool stdout_is_data = false, stdout_is_gone = false;
  std::ofstream file;
  std::mutex mutex;
};

State& state() {
  static State instance;
  return instance;
}

void write_to_file(State& s, const char* level, std::string_view message) {
  if (s.file.is_open()) s.file << utc_now() << ' ' << level << ' ' << message << '\n' << std::flush;
}

/// Work goes on when nobody reads any more. Any other failure to write stays in the stream's state and is told at the end.
void write_to_stdout(State& s, std::string_view message) {
  if (s.stdout_is_gone || std::cout << message << std::endl || !stdout_leads_nowhere()) return;
  s.stdout_is_gone = true;
  std::cout.clear();
  write_to_file(s, "detail", "nobody reads standard output any more: from here on this file alone says how it goes");
}

void speak(const char* level, std::string_view message) {
  auto& s = state();
  const std::lock_guard lock(s.mutex);
  std::string tag = s.world_size > 1 ? "[rank " + std::to_string(s.rank) + "] " : std::string();
  std::cerr << tag + "unpact: " + level + ": " + std::string(message) + "\n" << std::flush;
  write_to_file(s, level, message);
}

}  // namespace

void set_rank(int rank, int world_size) {
  state().rank = rank;
  state().world_size = world_size;
}

void open_file(const std::filesystem::path& folder) {
  auto& s = state();
  const auto name = file_of_rank(s.rank);
  const std::lock_guard lock(s.mutex);
  s.file.close();
  s.file.clear();
  s.file.open(folder / name, std::ios::app);
  if (!s.file.is_open()) {  // there may be no folder yet
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    s.file.clear();
    s.file.open(folder / name, std::ios::app);
  }
  UNPACT_VALIDATE(s.file.is_open(), concat("cannot write the log file ", (folder / name).string()),
                  "the folder is missing or not writable", "choose another output folder");
}

void keep_stdout_for_data() { state().stdout_is_data = true; }

void info(std::string_view message) {
  auto& s = state();
  const std::lock_guard lock(s.mutex);
  if (s.rank == 0 && s.stdout_is_data) std::cerr << message << std::endl;
  else if (s.rank == 0) write_to_stdout(s, message);
  write_to_file(s, "info", message);
}

void detail(std::string_view message) {
  auto& s = state();
  const std::lock_guard lock(s.mutex);
  write_to_file(s, "detail", message);
}

void warn(std::string_view message) { speak("warning", message); }
void error(std::string_view message) { speak("error", message); }

bool stdout_is_for_data() { return state().stdout_is_data; }

int rank() { return state().rank; }
int world_size() { return state().world_size; }

}  // namespace unpact::log
