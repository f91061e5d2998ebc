#include "unpact/campaign/claims.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "claim_file.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/run_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// All generations of a claim that lie in the folder, ascending.
std::vector<std::int64_t> generations_of(const fs::path& folder, const std::string& name) {
  std::vector<std::int64_t> found;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const auto file = entry->path().filename().string();
    if (file.rfind(prefix_of(name), 0) != 0) continue;
    std::int64_t generation = 0;
    if (is_generation(file.substr(prefix_of(name).size()), generation)) found.push_back(generation);
  }
  if (code && code != std::errc::no_such_file_or_directory)  // a folder that was removed holds no claims
    throw RuntimeFailure(concat("cannot look into ", folder.string()), code.message(),
                         "check the disk and the folder's permissions");
  std::sort(found.begin(), found.end());
  return found;
}

/// @return whether this process created the file.
bool create_exclusively(const fs::path& file, const std::string& content) {
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    if (errno == EEXIST) return false;
    throw RuntimeFailure(concat("cannot create ", file.string()), std::strerror(errno),
                         "check the disk, the folder and its permissions");
  }
  const auto written = ::write(descriptor, content.data(), content.size());
  const int code = errno;
  ::fsync(descriptor);  // so that other nodes see it soon; a failure shows at the next renewal
  ::close(descriptor);
  if (written == static_cast<ssize_t>(content.size())) return true;
  ::unlink(file.c_str());
  throw RuntimeFailure(concat("cannot write ", file.string()), written < 0 ? std::strerror(code) : "the disk is full",
                       "free some space");
}

}  // namespace

std::string ClaimHolder::describe() const {
  return concat(host, job.empty() ? "" : concat(", job ", job), task.empty() ? "" : concat(", task ", task), ", process ",
                pid, ", since ", started);
}

/// The file and the thread that renews it.
struct Claim::State {
  State(fs::path in_folder, std::string of_name, ClaimHolder self, const ClaimOptions& options)
      : folder(std::move(in_folder)), name(std::move(of_name)), holder(std::move(self)), on_lost(options.on_lost),
        thread([this, seconds = options.renew_seconds] { run(seconds); }) {}

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    thread.join();
    try {
      const auto all = generations_of(folder, name);
      // Older generations have no holder any more.
      for (const auto generation : all)
        if (generation <= holder.generation) ::unlink(file_of(folder, name, generation).c_str());
    } catch (const Error&) {
      // It grows stale by itself.
    }
  }

  void run(double renew_seconds) {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, std::chrono::duration<double>(renew_seconds), [this] { return stop; })) {
      ++holder.beat;
      holder.held_seconds = held.seconds();
      holder.doing = doing_now();
      const auto text = text_of(holder);
      lock.unlock();
      try {
        if (is_lost()) return say_lost();
        write_file_atomically(file_of(folder, name, holder.generation), text);
      } catch (const std::exception& error) {
        log::warn(concat("the claim on ", name, " cannot be renewed: ", error.what()));
      }
      lock.lock();
    }
  }

  bool is_lost() const {
    const auto all = generations_of(folder, name);
    return !all.empty() && all.back() > holder.generation;
  }

  void say_lost() const {
    log::warn(concat("the claim on ", name, " was lost: this process stood still for so long that another took over"));
    if (on_lost) on_lost();
  }

  fs::path folder;
  std::string name;
  ClaimHolder holder;
  const Stopwatch held;
  std::function<void()> on_lost;
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;
  std::thread thread;
};

Claim::Claim(std::unique_ptr<State> state) : state_(std::move(state)) {}
Claim::Claim(Claim&&) noexcept = default;
Claim& Claim::operator=(Claim&&) noexcept = default;
Claim::~Claim() = default;

bool Claim::is_lost() const { return state_->is_lost(); }

void Claim::release() { state_.reset(); }

Claims::Claims(fs::path folder, ClaimOptions options) : folder_(std::move(folder)), options_(options) {
  UNPACT_EXPECT(options_.renew_seconds > 0 && options_.stale_seconds > options_.renew_seconds);
  if (!options_.now) options_.now = steady_seconds;
  require_writable_folder(folder_);
}

std::optional<ClaimHolder> Claims::holder(const std::string& name) const {
  const auto all = generations_of(folder_, name);
  return all.empty() ? std::nullopt : read_claim(file_of(folder_, name, all.back()), all.back());
}

std::optional<ClaimHolder> Claims::watch(const std::string& name) {
  const auto all = generations_of(folder_, name);
  if (all.empty()) {
    seen_.erase(name);
    return std::nullopt;
  }
  const auto held = read_claim(file_of(folder_, name, all.back()), all.back());
  const auto beat = held ? held->beat : 0;
  auto& seen = seen_[name];
  if (seen.generation != all.back()) seen = {all.back(), beat, options_.now(), false};
  else if (seen.beat != beat) seen = {all.back(), beat, options_.now(), true};
  return held;
}

bool Claims::is_stale(const std::string& name) {
  const auto held = watch(name);
  const auto seen = seen_.find(name);
  if (seen == seen_.end()) return false;
  const bool own = held && !options_.run.empty() && held->run == options_.run;  // the job would have ended
  if (held && !own && is_dead(*held)) return true;
  return options_.now() - seen->second.since >= options_.stale_seconds;
}

bool Claims::is_alive(const std::string& name) {
  const auto held = watch(name);
  if (!held) return false;
  const auto process = is_process_alive(held->host, held->pid, held->process);
  return (!options_.run.empty() && held->run == options_.run) || process || seen_.at(name).moved;
}

std::optional<Claim> Claims::take(const std::string& name) {
  const auto all = generations_of(folder_, name);
  if (!all.empty() && !is_stale(name)) return std::nullopt;
  const auto pid = static_cast<std::int64_t>(::getpid());
  const auto self = run_identity();
  ClaimHolder mine{self.host,
                   self.job,
                   self.array_task.empty() ? self.task : concat(self.array_task, ".", self.task),
                   self.restart,
                   options_.run,
                   pid,
                   identity_of_process(pid),
                   utc_now(),
                   all.empty() ? 1 : all.back() + 1,
                   0,
                   options_.rank,
                   options_.ranks,
                   0,
                   options_.stale_seconds,
                   {}};
  if (!create_exclusively(file_of(folder_, name, mine.generation), text_of(mine))) return std::nullopt;
  seen_.erase(name);
  // A slow observer may have counted from an older listing: the largest generation holds.
  if (generations_of(folder_, name).back() != mine.generation) {
    ::unlink(file_of(folder_, name, mine.generation).c_str());
    return std::nullopt;
  }
  return Claim(std::make_unique<Claim::State>(folder_, name, std::move(mine), options_));
}

}  // namespace unpact
