#pragma once
/// Who works on what, said by files in the campaign's folder: any number of jobs may share it, also without locks.
///
/// A claim on NAME is the file NAME.claim.G with the largest generation G. It is created exclusively (O_EXCL, which network
/// file systems keep), renewed by a thread of its holder, and removed when the work is done. A claim that is not renewed any
/// more is stale: somebody else takes over by creating generation G + 1, which succeeds for one of them alone; a holder that
/// comes back (it was suspended, say) finds its own file removed, or another's in its place, and knows that it lost. Nothing is ever renamed over
/// another's claim, so there is no moment in which two believe that they hold the same generation.
///
/// What it costs the file system (docs/campaigns.md has the sums): a renewal opens one file; a look at any number of claims
/// reads the directory once, and opens a file for each claim that is watched.
///
/// Clocks are never compared between machines: a claim is stale when its counter of beats has not moved for `stale_seconds`
/// of the observer's own time, or at once when its process is known to be dead (same machine, same process namespace).
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "unpact/core/doing.hpp"

namespace unpact {

/// What a claim's file says.
struct ClaimHolder {
  std::string host = {}, job = {};  ///< job: SLURM_JOB_ID, or empty
  std::string task = {};            ///< SLURM_PROCID, of an array "4711_3.0"; or empty
  std::int64_t restart = 0;         ///< how often the job was started again
  std::string run = {};             ///< of the job's ranks, all the same
  std::int64_t pid = 0;
  std::string process = {};  ///< boot, process namespace and start of the process: who it was when ids are used again
  std::string started = {};  ///< ISO 8601 UTC, by the holder's clock; for people
  std::int64_t generation = 0;
  std::int64_t beat = 0;             ///< grows with each renewal
  std::int64_t rank = 0, ranks = 1;  ///< of the job: the holder, and how many work on this together
  double held_seconds = 0;           ///< at the last renewal, by the holder's clock
  double stale_seconds = 0;          ///< ClaimOptions::stale_seconds of the holder; 0: not said
  Doing doing = {};                  ///< at the last renewal

  /// "node7, job 4711, task 0, process 1234, since 2026-01-31T12:00:00Z".
  std::string describe() const;
};

/// What one reading of the folder of claims shows.
struct ClaimsListing {
  std::map<std::string, std::vector<std::int64_t>> generations;  ///< ascending, by name
  double time = 0;                                               ///< by the clock of who looked

  bool is_held(const std::string& name) const { return generations.contains(name); }
};

/// What is known of a claim, as far as this process has watched it.
struct ClaimWatch {
  bool is_held = false;   ///< there is one, or was when the folder was read
  bool is_gone = false;   ///< it was given back since
  bool is_stale = false;  ///< its holder is known to be gone
  /// The holder is known to live: a rank of this job, a process that is seen, or a beat that has moved since this process
  /// looked first. Neither stale nor alive: look again later.
  bool is_alive = false;
  std::optional<ClaimHolder> holder = {};  ///< nothing: nobody, or the file cannot be read yet
};

struct ClaimOptions {
  double renew_seconds = 45;
  double stale_seconds = 180;            ///< several renewals: a network file system may show a change late
  std::function<double()> now = {};      ///< seconds of a clock that never jumps; empty: the machine's steady clock
  std::string run = {};                  ///< what the job's ranks call themselves
  std::int64_t rank = 0, ranks = 1;      ///< what the claim says of them
  std::function<void()> on_lost = {};    ///< called, by the renewing thread, when somebody else has taken over
  std::optional<ClaimHolder> self = {};  ///< who takes them; nothing: this process and its batch job
  bool renews_itself = true;             ///< by a thread; false: renew() does, in a simulation
};

/// Whether the holder is known to be dead: its process here, or an earlier start of this process' batch job.
bool is_dead(const ClaimHolder& holder);

/// The newest claim on something, as it lies in the folder.
struct FoundClaim {
  std::string name;
  std::filesystem::path file;
  std::optional<ClaimHolder> holder;  ///< nothing: its file cannot be read, or not yet
  double silent_seconds = 0;          ///< since its file was renewed, by the clocks of the file system and of this machine
};

/// All that is claimed in `folder`, by name; looks on only, and nothing is a failure.
std::vector<FoundClaim> list_claims(const std::filesystem::path& folder);

/// Work that this process holds. Movable; the destructor gives it back.
class Claim {
 public:
  Claim(Claim&&) noexcept;
  Claim& operator=(Claim&&) noexcept;
  ~Claim();

  /// Whether somebody has taken over: results must not be written any more. Looks at the folder.
  bool is_lost() const;

  /// Removes the claim's file, if it is still the newest.
  void release();

  /// A beat by hand. @return false: somebody has taken over.
  bool renew();
  /// Leaves the file as a process does that is killed.
  void abandon();

 private:
  friend class Claims;
  struct State;
  explicit Claim(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The claims of one folder, as one process sees them. Not thread-safe; used by the root of a rank group.
class Claims {
 public:
  /// @throws UserError when the folder cannot be written.
  explicit Claims(std::filesystem::path folder, ClaimOptions options = {});

  /// One reading of the folder, to ask many questions by. @throws RuntimeFailure when it cannot be used.
  ClaimsListing look() const;
  /// The last reading where it was made a second ago at most: a round of questions needs one.
  const ClaimsListing& recent_look();
  void forget_look() { recent_.reset(); }

  /// The claim, or nothing while somebody else holds it. @throws RuntimeFailure when the folder cannot be used.
  /// Whoever gets it looks next whether the work was finished meanwhile.
  std::optional<Claim> take(const std::string& name) { return take(name, look()); }
  std::optional<Claim> take(const std::string& name, const ClaimsListing& listing);

  /// Looks at a claim's beat.
  ClaimWatch watch(const std::string& name) { return watch(name, look()); }
  ClaimWatch watch(const std::string& name, const ClaimsListing& listing);

  /// Whether its beat was looked at before and it has not been seen to be free since.
  bool has_watched(const std::string& name) const { return seen_.contains(name); }

  /// Who holds it now; also one that is stale. Nothing: nobody, or its file cannot be read yet.
  std::optional<ClaimHolder> holder(const std::string& name) const;

  const std::string& run() const { return options_.run; }
  double renew_seconds() const { return options_.renew_seconds; }
  double now() const { return options_.now(); }

 private:
  struct Seen {
    std::int64_t generation = 0, beat = -1;
    std::string taking;  ///< who took it, and when: a name that was free for a while begins with generation 1 again
    double since = 0;    ///< of this process' steady clock, seconds
    bool moved = false;  ///< the beat, while this process watched
  };
  bool is_newest(const std::string& name, std::int64_t generation, const ClaimsListing& listing) const;

  std::filesystem::path folder_;
  ClaimOptions options_;
  ClaimHolder self_;
  std::map<std::string, Seen> seen_;
  std::optional<ClaimsListing> recent_;
};

}  // namespace unpact
