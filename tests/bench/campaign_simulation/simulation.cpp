#include "simulation.hpp"

#include <algorithm>
#include <cmath>
#include <queue>
#include <set>

#include "metadata_counter.hpp"
#include "simulated_job.hpp"
#include "unpact/campaign/start_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"

namespace unpact::simulation {
namespace fs = std::filesystem;
namespace {

enum class Kind { arrive, start, look, finish, beat, failure, preemption };

const char* words_of(Kind kind) {
  switch (kind) {
    case Kind::arrive:
    case Kind::start: return "starts";
    case Kind::look: return "looks";
    case Kind::finish: return "ends of cells";
    case Kind::beat: return "renewals";
    case Kind::failure:
    case Kind::preemption: break;
  }
  return "failures";
}

struct Event {
  double time = 0;
  std::int64_t sequence = 0;
  std::size_t job = 0;
  std::int64_t life = 0, task = 0;  ///< of the job when it was foreseen: it may be another one by now
  Kind kind = Kind::start;
  bool operator>(const Event& other) const { return time != other.time ? time > other.time : sequence > other.sequence; }
};

struct Interval {
  double begin = 0, end = 0;
  double until(double limit) const { return std::max(0.0, std::min(end, limit) - begin); }
};

struct Job {
  std::unique_ptr<SimulatedJob> self;
  Decision work;
  std::int64_t life = 0, task = 0;
  double began = 0, task_began = 0;
  std::size_t idle = 0;  ///< its last wait in the list of all
};

class Simulation {
 public:
  Simulation(const PlannedWork& work, const Settings& settings, fs::path folder)
      : work_(work), settings_(settings), folder_(std::move(folder)), jobs_(static_cast<std::size_t>(settings.jobs)) {
    for (const auto* place : {"cells", "baselines", "logs"}) fs::create_directories(folder_ / place);
    for (const auto& pair : work.pairs)
      if (settings.targets_are_made || pair.target_seconds == 0) write_file_atomically(target_place(folder_, pair.name), "");
    testing_support::count_metadata_below(folder_.string());
    for (std::size_t j = 0; j < jobs_.size(); ++j) foresee(j, Kind::arrive, settings.start_spread * uniform());
  }

  ~Simulation() { testing_support::count_metadata_below(""); }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Outcome run() {
    while (!events_.empty()) {
      const auto event = events_.top();
      events_.pop();
      const auto& job = jobs_[event.job];
      const bool is_of_task = event.kind != Kind::failure && event.kind != Kind::preemption;
      if (event.life != job.life || (is_of_task && event.task != job.task)) continue;
      now_ = event.time;
      follow(event);
      count_operations(words_of(event.kind));
    }
    finish_outcome();
    return std::move(outcome_);
  }

 private:
  double uniform() { return random_uniform(settings_.seed, stream_of("simulation"), drawn_++); }
  double exponential(double mean) { return -mean * std::log(1 - uniform()); }

  void foresee(std::size_t j, Kind kind, double seconds) {
    events_.push({now_ + seconds, sequence_++, j, jobs_[j].life, jobs_[j].task, kind});
  }

  void follow(const Event& event) {
    switch (event.kind) {
      case Kind::arrive: return arrive(event.job);
      case Kind::start: return start(event.job);
      case Kind::look: return look(event.job);
      case Kind::finish: return finish(event.job);
      case Kind::beat: return renew(event.job);
      case Kind::failure: return end_by(event.job, /*saves=*/false);
      case Kind::preemption: return end_by(event.job, /*saves=*/true);
    }
  }

  /// As wait_among_many().
  void arrive(std::size_t j) {
    const double delay =
        start_delay(settings_.jobs, random_bits(settings_.seed, j, static_cast<std::uint64_t>(jobs_[j].life)));
    ++arrivals_;
    delayed_ += delay;
    foresee(j, Kind::start, delay);
  }

  void start(std::size_t j) {
    auto& job = jobs_[j];
    job.began = now_;
    job.self = std::make_unique<SimulatedJob>(work_, settings_, folder_, static_cast<std::int64_t>(j), job.life,
                                              [this] { return now_; });
    if (settings_.node_failure_mean > 0) foresee(j, Kind::failure, exponential(settings_.node_failure_mean));
    if (settings_.preemption_mean > 0) foresee(j, Kind::preemption, exponential(settings_.preemption_mean));
    look(j);
  }

  void look(std::size_t j) {
    auto& job = jobs_[j];
    job.work = job.self->next();
    ++job.task;
    job.task_began = now_;
    if (job.work.doing == Doing::leave) return leave_for_good(j);
    if (job.work.doing == Doing::wait) {
      job.idle = idle_.size();
      idle_.push_back({now_, now_ + job.work.pause});
      return foresee(j, Kind::look, job.work.pause);
    }
    const auto name = name_of(job.work);
    if (!busy_.insert(name).second) throw RuntimeFailure("two jobs work on " + name, "the claims let both", "");
    if (job.work.doing == Doing::cell && begun_.insert(name).second) outcome_.run_out = now_;
    foresee(j, Kind::finish, std::max(0.0, seconds_of(job.work) - saved_[name]));
    foresee(j, Kind::beat, beat_seconds());
  }

  double beat_seconds() const { return settings_.stale_after / settings_.beats; }

  void renew(std::size_t j) {
    if (!jobs_[j].work.claim->renew()) throw RuntimeFailure("a living job lost " + name_of(jobs_[j].work), "", "");
    foresee(j, Kind::beat, beat_seconds());
  }

  void finish(std::size_t j) {
    auto& job = jobs_[j];
    const auto name = name_of(job.work);
    worked_ += now_ - job.task_began;
    if (job.work.doing == Doing::cell) {
      const auto saves = static_cast<std::int64_t>((now_ - job.task_began) / settings_.checkpoint_every);
      testing_support::add_metadata_operations(settings_.cell_operations + saves * settings_.save_operations);
      write_file_atomically(cell_place(folder_, name), "");
      ++outcome_.finished[name];
      outcome_.makespan = now_;
    } else {
      write_file_atomically(target_place(folder_, work_.pairs[job.work.pair].name), "");
    }
    busy_.erase(name);
    const bool has_results = job.work.doing == Doing::cell;
    job.work.claim.reset();
    job.self->finished(has_results ? name : "");
    look(j);
  }

  /// Nothing is left to this job.
  void leave_for_good(std::size_t j) {
    if (jobs_[j].self->collects()) {
      ++outcome_.collections;
      count_operations("looks");
      write_file_atomically(folder_ / "campaign.h5", "");
      testing_support::add_metadata_operations(settings_.collect_operations * work_.cells());
      count_operations("collecting");
    }
    leave(j);
  }

  void leave(std::size_t j) {
    alive_.push_back({jobs_[j].began, now_});
    jobs_[j].work.claim.reset();
    jobs_[j].self.reset();
    ++jobs_[j].life;
  }

  /// A node fails, or the job is asked to go: then it saves and gives its claim back. It begins again elsewhere.
  void end_by(std::size_t j, bool saves) {
    auto& job = jobs_[j];
    ++(saves ? outcome_.preemptions : outcome_.failures);
    if (job.work.claim) {
      const auto name = name_of(job.work);
      const double spent = now_ - job.task_began, every = settings_.checkpoint_every;
      const double kept = saves ? spent : std::floor(spent / every) * every;
      worked_ += spent;
      lost_ += spent - kept;
      saved_[name] += kept;
      busy_.erase(name);
      if (!saves) job.work.claim->abandon();
    }
    if (job.work.doing == Doing::wait) idle_[job.idle].end = now_;
    leave(j);
    foresee(j, Kind::arrive, exponential(settings_.requeue_mean));
  }

  std::string name_of(const Decision& work) const {
    const auto& pair = work_.pairs[work.pair];
    return work.doing == Doing::cell ? pair.cells[work.cell] : "target of " + pair.name;
  }

  /// What it really takes: the same whoever does it.
  double seconds_of(const Decision& work) const {
    const auto& pair = work_.pairs[work.pair];
    const double planned = work.doing == Doing::cell ? pair.cell_seconds[work.cell] : pair.target_seconds;
    const double chance = random_uniform(settings_.seed, stream_of(name_of(work).c_str()), 0);
    return planned * (1 + settings_.time_spread * (2 * chance - 1));
  }

  void count_operations(const std::string& kind) {
    const auto now = testing_support::metadata_operations();
    outcome_.operations_by_kind[kind] += static_cast<double>(now - counted_);
    by_minute_[static_cast<std::int64_t>(now_ / 60)] += static_cast<double>(now - counted_);
    counted_ = now;
  }

  void finish_outcome() {
    if (static_cast<std::int64_t>(outcome_.finished.size()) != work_.cells())
      throw RuntimeFailure(concat(work_.cells() - static_cast<std::int64_t>(outcome_.finished.size()), " cells were left"),
                           "all jobs are gone", "");
    double alive = 0, idle = 0, all = 0, waited = 0;
    for (const auto& one : alive_) alive += one.until(outcome_.run_out), all += one.until(one.end);
    for (const auto& one : idle_) idle += one.until(outcome_.run_out), waited += one.until(one.end);
    outcome_.idle_share = alive > 0 ? idle / alive : 0;
    outcome_.waiting_share = all > 0 ? (waited + delayed_) / (all + delayed_) : 0;
    outcome_.start_delay = delayed_ / static_cast<double>(arrivals_);
    outcome_.lost_share = worked_ > 0 ? lost_ / worked_ : 0;
    constexpr std::int64_t kStart = 10;  // minutes
    for (const auto& [minute, count] : by_minute_) {
      outcome_.operations += count;
      outcome_.operations_busiest_minute = std::max(outcome_.operations_busiest_minute, count / 60);
      if (minute >= kStart) outcome_.operations_after_start = std::max(outcome_.operations_after_start, count / 60);
    }
    outcome_.operations_mean = outcome_.operations / outcome_.makespan;
  }

  const PlannedWork& work_;
  const Settings& settings_;
  fs::path folder_;
  std::vector<Job> jobs_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  double now_ = 0, worked_ = 0, lost_ = 0, delayed_ = 0;
  std::uint64_t drawn_ = 0;
  std::int64_t sequence_ = 0, counted_ = 0, arrivals_ = 0;
  std::set<std::string> busy_, begun_;
  std::map<std::string, double> saved_;
  std::vector<Interval> alive_, idle_;
  std::map<std::int64_t, double> by_minute_;
  Outcome outcome_;
};

}  // namespace

Outcome simulate(const PlannedWork& work, const Settings& settings, const fs::path& folder) {
  return Simulation(work, settings, folder).run();
}

}  // namespace unpact::simulation
