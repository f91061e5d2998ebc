#include "unpact/campaign/claims.hpp"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "claim_file.hpp"
#include "claims_folder.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const std::vector<std::int64_t>* generations_in(const ClaimsListing& listing, const std::string& name) {
  const auto found = listing.generations.find(name);
  return found == listing.generations.end() ? nullptr : &found->second;
}

}  // namespace

std::string ClaimHolder::describe() const {
  return concat(host, job.empty() ? "" : concat(", job ", job), task.empty() ? "" : concat(", task ", task), ", process ",
                pid, ", since ", started);
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
    if (abandoned) return;  // it grows stale by itself
    const bool stood_still = renewed.seconds() > holder.stale_seconds / 2;
    if (!lost && (!stood_still || is_own())) ::unlink(file().c_str());
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

  /// Who takes over removes this file: one opening tells whether it is still held, and renews it.
  bool renew() {
    ++holder.beat;
    holder.held_seconds = held.seconds();
    holder.doing = doing_now();
    if (write_in_place(file(), text_of(holder), [this](const auto& text) { return may_be_own(text); }) ||
        (!is_lost() && create_exclusively(file(), text_of(holder)))) {  // somebody has removed the folder
      renewed = {};
      return true;
    }
    lost = true;
    return false;
  }

  fs::path file() const { return claim_file(folder, name, holder.generation); }

  /// What cannot be read is a write of this process that was cut off.
  bool may_be_own(const std::string& text) const {
    const auto found = parse_claim(text, holder.generation, name);
    return !found || taking_of(*found) == taking_of(holder);
  }

  bool is_lost() const {
    const auto listing = list_claims_folder(folder);
    const auto* all = generations_in(listing, name);
    return all != nullptr && (all->back() > holder.generation || !is_own());
  }

  /// Whether the file is this process' own: whoever stood still for long may find another's in its place.
  bool is_own() const {
    const auto found = read_claim(file(), holder.generation);
    return !found || taking_of(*found) == taking_of(holder);
  }

  void say_lost() const {
    log::warn(concat("the claim on ", name, " was lost: this process stood still for so long that another took over"));
    if (on_lost) on_lost();
  }

  fs::path folder;
  std::string name;
  ClaimHolder holder;
  const Stopwatch held;
  Stopwatch renewed;
  std::function<void()> on_lost;
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false, abandoned = false, lost = false;
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
  self_.rank = options_.rank;
  self_.ranks = options_.ranks;
  self_.stale_seconds = options_.stale_seconds;
  expect_writable_folder(folder_);
}

ClaimsListing Claims::look() const {
  const double now = options_.now();
  auto listing = list_claims_folder(folder_);
  listing.time = now;
  return listing;
}

const ClaimsListing& Claims::recent_look() {
  constexpr double kRecent = 1;
  if (!recent_ || options_.now() - recent_->time > kRecent) recent_ = look();
  return *recent_;
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
  ClaimWatch result{.is_held = true, .holder = read_claim(claim_file(folder_, name, all->back()), all->back())};
  if (!result.holder) result.is_gone = !fs::exists(claim_file(folder_, name, all->back()));
  const auto& held = result.holder;
  constexpr std::int64_t kUnknown = -1;  // its file could not be read
  auto& seen = seen_[name];
  const auto taking = held ? taking_of(*held) : seen.taking;
  const bool is_known = seen.generation == all->back() && (seen.taking.empty() || seen.taking == taking);
  if (!is_known) seen = {all->back(), held ? held->beat : kUnknown, taking, options_.now(), false};
  else if (held && seen.beat != held->beat) seen = {all->back(), held->beat, taking, options_.now(), seen.beat != kUnknown};
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
  if (!create_exclusively(claim_file(folder_, name, mine.generation), text_of(mine))) return std::nullopt;
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
