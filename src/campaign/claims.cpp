#include "unpact/campaign/claims.hpp"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

#include "claims_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxClaimBytes = 1 << 16;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct BatchJob {
  std::string job;
  std::int64_t restart = 0;
};

/// The Slurm job of this process; an empty name outside of one.
BatchJob job_of_process() {
  const char *job = std::getenv("SLURM_JOB_ID"), *restart = std::getenv("SLURM_RESTART_COUNT");
  return {job == nullptr ? "" : job, restart == nullptr ? 0 : std::atoll(restart)};
}

/// This process, as claims say it.
ClaimHolder this_process() {
  const auto pid = static_cast<std::int64_t>(::getpid());
  const auto [job, restart] = job_of_process();
  return {host_name(), job, restart, "", pid, identity_of_process(pid), "", 0, 0};
}

/// Whether the holder is known to be dead: its process here, or an earlier start of the same batch job, wherever it ran.
bool is_dead(const ClaimHolder& holder, const ClaimHolder& own) {
  if (!own.job.empty() && own.job == holder.job && own.restart > holder.restart) return true;
  return is_process_dead(holder.host, holder.pid, holder.process);
}

std::string text_of(const ClaimHolder& h) {
  return Json({{"host", h.host},
               {"job", h.job},
               {"restart", h.restart},
               {"run", h.run},
               {"pid", h.pid},
               {"process", h.process},
               {"started", h.started},
               {"beat", h.beat}})
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::optional<ClaimHolder> read_claim(const fs::path& file, std::int64_t generation) {
  try {
    const auto where = file.string();
    const auto json = parse_json(read_file(file, kMaxClaimBytes), where, 4);
    return ClaimHolder{require_string(json, "host", where),    require_string(json, "job", where),
                       integer_or(json, "restart", 0, where),  string_or(json, "run", "", where),
                       require_integer(json, "pid", where),    require_string(json, "process", where),
                       require_string(json, "started", where), generation,
                       require_integer(json, "beat", where)};
  } catch (const UserError&) {
    return std::nullopt;  // gone meanwhile, or not written to its end yet
  }
}

/// Of one size as long as it can be, so that it is renewed in place.
std::string padded_text(const ClaimHolder& holder) {
  constexpr std::size_t kSize = 1024;
  auto text = text_of(holder);
  text.insert(text.size() - 1, text.size() < kSize ? kSize - text.size() : 0, ' ');
  return text;
}

const std::vector<std::int64_t>* generations_in(const ClaimsListing& listing, const std::string& name) {
  const auto found = listing.generations.find(name);
  return found == listing.generations.end() ? nullptr : &found->second;
}

}  // namespace

std::string ClaimHolder::describe() const {
  return concat(host, job.empty() ? "" : concat(", job ", job), ", process ", pid, ", since ", started);
}

/// The file and the thread that renews it.
struct Claim::State {
  State(fs::path in_folder, std::string of_name, ClaimHolder self, const ClaimOptions& options)
      : folder(std::move(in_folder)), name(std::move(of_name)), holder(std::move(self)), on_lost(options.on_lost) {
    if (options.renews_itself) thread = std::thread([this, seconds = options.renew_seconds] { run(seconds); });
  }

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    wake.notify_all();
    if (thread.joinable()) thread.join();
    if (!abandoned) ::unlink(claim_file(folder, name, holder.generation).c_str());  // else it grows stale by itself
  }

  void run(double renew_seconds) {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, std::chrono::duration<double>(renew_seconds), [this] { return stop; })) {
      lock.unlock();
      try {
        if (!renew()) return say_lost();
      } catch (const std::exception& error) {
        log::warn(concat("the claim on ", name, " cannot be renewed: ", error.what()));
      }
      lock.lock();
    }
  }

  /// Who takes over removes this file: one operation tells whether it is still held, and renews it.
  bool renew() {
    ++holder.beat;
    const auto file = claim_file(folder, name, holder.generation);
    const auto text = padded_text(holder);
    if (write_in_place(file, text)) return true;
    if (is_lost()) return false;
    write_file_atomically(file, text);  // somebody has removed the folder
    return true;
  }

  bool is_lost() const {
    const auto listing = list_claims_folder(folder);
    const auto* all = generations_in(listing, name);
    return all != nullptr && all->back() > holder.generation;
  }

  void say_lost() const {
    log::warn(concat("the claim on ", name, " was lost: this process stood still for so long that another took over"));
    if (on_lost) on_lost();
  }

  fs::path folder;
  std::string name;
  ClaimHolder holder;
  std::function<void()> on_lost;
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false, abandoned = false;
  std::thread thread;
};

Claim::Claim(std::unique_ptr<State> state) : state_(std::move(state)) {}
Claim::Claim(Claim&&) noexcept = default;
Claim& Claim::operator=(Claim&&) noexcept = default;
Claim::~Claim() = default;

bool Claim::is_lost() const { return state_->is_lost(); }

void Claim::release() { state_.reset(); }

bool Claim::renew() { return state_->renew(); }

void Claim::abandon() {
  state_->abandoned = true;
  state_.reset();
}

Claims::Claims(fs::path folder, ClaimOptions options)
    : folder_(std::move(folder)), options_(std::move(options)), self_(options_.self ? *options_.self : this_process()) {
  UNPACT_EXPECT(options_.renew_seconds > 0 && options_.stale_seconds > options_.renew_seconds);
  if (!options_.now) options_.now = steady_seconds;
  self_.run = options_.run;
  require_writable_folder(folder_);
}

ClaimsListing Claims::look() const {
  const double now = options_.now();
  auto listing = list_claims_folder(folder_);
  listing.time = now;
  return listing;
}

std::optional<ClaimHolder> Claims::holder(const std::string& name) const {
  const auto listing = look();
  const auto* all = generations_in(listing, name);
  return all == nullptr ? std::nullopt : read_claim(claim_file(folder_, name, all->back()), all->back());
}

ClaimWatch Claims::watch(const std::string& name, const ClaimsListing& listing) {
  const auto* all = generations_in(listing, name);
  if (all == nullptr) {
    seen_.erase(name);
    return {};
  }
  ClaimWatch result{true, false, false, read_claim(claim_file(folder_, name, all->back()), all->back())};
  const auto& held = result.holder;
  const auto beat = held ? held->beat : 0;
  auto& seen = seen_[name];
  if (seen.generation != all->back()) seen = {all->back(), beat, options_.now(), false};
  else if (seen.beat != beat) seen = {all->back(), beat, options_.now(), true};
  const bool own = held && !options_.run.empty() && held->run == options_.run;  // the job would have ended
  const bool dead = held && !own && is_dead(*held, self_);
  result.is_stale = dead || options_.now() - seen.since >= options_.stale_seconds;
  result.is_alive = held && (own || seen.moved || is_process_alive(held->host, held->pid, held->process));
  return result;
}

/// A slow observer may have counted from an older listing: the largest generation holds. Between two takeovers a claim has to
/// grow stale, so that after a recent listing there can be no more than one newer generation.
bool Claims::is_newest(const std::string& name, std::int64_t generation, const ClaimsListing& listing) const {
  if (generation == 1 && options_.now() - listing.time < options_.stale_seconds / 2)
    return !fs::exists(claim_file(folder_, name, generation + 1));
  const auto now = look();
  const auto* left = generations_in(now, name);
  return left != nullptr && left->back() == generation;
}

std::optional<Claim> Claims::take(const std::string& name, const ClaimsListing& listing) {
  const auto* all = generations_in(listing, name);
  if (all != nullptr && !watch(name, listing).is_stale) return std::nullopt;
  auto mine = self_;
  mine.started = utc_now();
  mine.generation = all == nullptr ? 1 : all->back() + 1;
  if (!create_exclusively(claim_file(folder_, name, mine.generation), padded_text(mine))) return std::nullopt;
  seen_.erase(name);
  if (!is_newest(name, mine.generation, listing)) {
    ::unlink(claim_file(folder_, name, mine.generation).c_str());
    return std::nullopt;
  }
  if (all != nullptr)
    for (const auto older : *all) ::unlink(claim_file(folder_, name, older).c_str());  // its holder sees that it lost
  return Claim(std::make_unique<Claim::State>(folder_, name, std::move(mine), options_));
}

}  // namespace unpact
