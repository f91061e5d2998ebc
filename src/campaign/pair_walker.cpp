#include "unpact/campaign/pair_walker.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <span>
#include <string_view>
#include <thread>

#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/common_plan.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/plain_words.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/process_identity.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace {

std::set<std::string> ids_of(const std::vector<Pair>& plan) {
  std::set<std::string> ids;
  for (const auto& pair : plan)
    for (const auto& cell : pair.cells) ids.insert(cell_id(cell));
  return ids;
}

}  // namespace

PairWalker::PairWalker(const Session& session, const Communicator& group, Claims& claims, std::filesystem::path folder,
                       const std::vector<Pair>& plan, const CampaignOptions& options)
    : session_(session), group_(group), claims_(claims), folder_(std::move(folder)), plan_(plan), options_(options),
      makers_(plan.size() == 1 ? session.world() : group), makers_session_(session, makers_), agreement_(makers_),
      leave_off_(session.world()), busy_(claims),
      runner_(
          session, group, claims, folder_, options.retry_failed, [this](double reserve) { return wants_to_stop(reserve); },
          ids_of(plan)),
      planned_(planned_cells(plan, folder_)) {
  if (session_.is_root()) kept_ = add_to_plan(claims_, folder_, planned_, costs_);
  std::map<std::string, std::string> fingerprints;
  for (const auto& cell : kept_) fingerprints[cell.id] = cell.fingerprint;
  runner_.expect(std::move(fingerprints));
}

void PairWalker::run() {
  std::vector<Work> left;
  std::size_t first = 0;
  for (const auto& pair : plan_) {
    left.push_back({.pair = &pair, .first = first});
    first += pair.cells.size();
  }
  const auto seed = random_bits(std::hash<std::string>{}(claims_.run()), stream_of("pairs"),
                                static_cast<std::uint64_t>(session_.world().rank()));
  ClaimPause for_targets(seed);
  auto for_beats = ClaimPause::for_beats(seed, claims_.renew_seconds());
  while (!left.empty()) {
    did_something_ = waits_for_target_ = false;
    if (!is_alone()) on_root(group_, [&] { busy_.begin_round(); });
    for (auto& work : left) {
      if (!is_alone() && wants_to_stop(0)) break;  // alone: the world goes in together
      visit(work);
      if (stopped_) break;
    }
    if (stopped_) break;
    std::erase_if(left, [](const Work& work) { return work.is_settled; });
    if (did_something_) for_targets.reset(), for_beats.reset();
    else if (!left.empty()) rest(waits_for_target_ ? for_targets : for_beats);
  }
  if (stopped_) leave_off_.raise();  // the other groups finish what is at hand
}

/// The root says for how long; a stop is heeded meanwhile.
void PairWalker::rest(ClaimPause& pause) {
  double seconds = 0;
  if (group_.is_root()) seconds = pause.next();
  group_.broadcast_bytes(&seconds, sizeof seconds, 0);
  constexpr double kStep = 0.5;
  for (double left = seconds; left > 0; left -= kStep) {
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, kStep)));
    if (left > kStep && !is_alone() && wants_to_stop(0)) return;
  }
}

/// Asked between pieces of work; inside of one, trainings and pages look for themselves.
bool PairWalker::wants_to_stop(double reserve_seconds) {
  const bool own = stop_wanted(reserve_seconds) || leave_off_.is_raised();
  stopped_ = stopped_ || group_.max(std::int64_t{own}) > 0;
  return stopped_;
}

void PairWalker::visit(Work& work) {
  if (!work.baseline && (is_busy(*work.pair) || is_taken(work) || !prepare(work))) return;
  if (options_.stage == CampaignStage::targets) work.is_settled = true;
  else run_cells(work);
  if (work.is_settled) work.baseline.reset();
}

/// Whether somebody makes the target or the baseline just now.
bool PairWalker::is_busy(const Pair& pair) {
  if (is_alone()) return false;
  bool busy = false;
  on_root(makers_, [&] {
    for (const auto* what : {"target.", "baseline."}) busy = busy || busy_.is_busy(what + pair_id(pair.configuration));
  });
  makers_.broadcast_bytes(&busy, sizeof busy, 0);
  waits_for_target_ = waits_for_target_ || busy;
  return busy;
}

/// Whether others have all of its cells: then its target is not even loaded.
bool PairWalker::is_taken(Work& work) {
  if (is_alone() || options_.stage == CampaignStage::targets) return false;
  auto found = CellQueue::Found::ours;
  on_root(makers_, [&] { found = runner_.foresee(work.pair->cells, plan_.size()); });
  makers_.broadcast_bytes(&found, sizeof found, 0);
  work.is_settled = found == CellQueue::Found::empty;
  return found != CellQueue::Found::ours;
}

/// Another group of this job has tried it: it would fail here as well.
bool PairWalker::has_failed(Work& work) {
  if (is_alone()) return false;
  std::string note;
  on_root(makers_, [&] {
    const auto failed = find_failed_pair(folder_, pair_id(work.pair->configuration));
    work.may_have_failed = failed.has_value();
    if (failed && failed->run == claims_.run()) note = concat("its target failed: ", failed->problem, ": ", failed->reason);
  });
  note = makers_.broadcast(note, 0);
  if (!note.empty()) lose(work, note);
  return !note.empty();
}

/// @return whether the baseline is there.
bool PairWalker::prepare(Work& work) {
  const auto& c = work.pair->configuration;
  if (has_failed(work)) return false;
  const auto make = [&] {
    try {
      work.baseline =
          prepare_baseline(makers_session_, c, folder_, &claims_, is_alone() ? WhileBusy::wait : WhileBusy::leave);
    } catch (const MadeElsewhere&) {
      waits_for_target_ = true;  // it is looked at again
    } catch (const StoppedAtCheckpoint& stopped) {
      if (makers_.is_root()) log::warn(stopped.what());
      stopped_ = true;
    }
  };
  if (is_alone()) {
    make();  // when it fails, nothing else can go on
  } else if (const auto end = agreement_.run(make); end.error) {
    if (!end.together) std::rethrow_exception(end.error);
    work.baseline.reset();
    fail(work, end.error);
    return false;
  }
  if (stopped_ || !work.baseline) return false;
  did_something_ = true;
  know(work);
  return true;
}

void PairWalker::lose(Work& work, const std::string& note) {
  for (std::size_t i = 0; i < work.pair->cells.size(); ++i) planned_[work.first + i].note = note;
  work.is_settled = true;
}

/// A pair whose target or baseline fails loses its cells; the others go on.
void PairWalker::fail(Work& work, const std::exception_ptr& thrown) {
  PlainError plain;
  std::string note;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    plain = in_plain_words(error);
    note = concat("its target failed: ", one_line(error));
  }
  lose(work, note);
  if (!makers_.is_root()) return;
  // Two groups may try it, if one frees its claim a moment before it writes its failure down. One of them says so.
  if (const auto said = find_failed_pair(folder_, pair_id(work.pair->configuration)); said && said->run == claims_.run())
    return;
  log::warn(concat(work.pair->cells.size(), " cell(s) of ", work.pair->configuration.model.name, " and ",
                   work.pair->configuration.dataset.name, " have no result: ", note));
  write_failed_pair(folder_, {pair_id(work.pair->configuration), "", plain.problem, plain.reason, plain.hint, utc_now(),
                              concat(host_name(), ", rank ", session_.world().rank()), claims_.run()});
}

/// Whether an earlier job has written the same into the plan, costs included.
bool PairWalker::is_kept(const Work& work) const {
  const auto own = std::span(planned_).subspan(work.first, work.pair->cells.size());
  std::map<std::string_view, const PlannedCell*> kept;
  for (const auto& cell : kept_) kept[cell.id] = &cell;
  return std::ranges::all_of(own, [&](const auto& cell) {
    const auto found = kept.find(cell.id);
    return found != kept.end() && *found->second == cell;
  });
}

/// What cells cost on paper is kept for `inspect` and `status`; no result depends on it.
void PairWalker::know(const Work& work) {
  for (std::size_t i = 0; i < work.pair->cells.size(); ++i) {
    planned_[work.first + i].fingerprint = fingerprint_of_cell(*work.baseline, work.pair->cells[i]);
    planned_[work.first + i].baseline = fingerprint_of(work.baseline->record.provenance);
  }
  if (!makers_.is_root()) return;
  if (work.may_have_failed) remove_failed_pair(folder_, pair_id(work.pair->configuration));
  if (is_kept(work)) return;
  try {
    for (auto& [id, stages] : planned_stages(makers_session_, *work.baseline, *work.pair)) costs_[id] = std::move(stages);
  } catch (const std::exception& error) {
    log::detail(concat("this pair's costs were not planned: ", one_line(error)));
  }
  add_to_plan(claims_, folder_, planned_, costs_);
}

void PairWalker::run_cells(Work& work) {
  if (!work.left) work.left = runner_.left_of(makers_, *work.baseline, work.pair->cells);
  const bool some_wait = runner_.run(*work.baseline, *work.left, plan_.size());
  stopped_ = stopped_ || runner_.stopped();
  work.is_settled = !some_wait && !stopped_;
}

void PairWalker::finish() {
  const auto& world = session_.world();
  stopped_ = world.max(std::int64_t{stopped_}) > 0;
  others_go_on_ = world.max(std::int64_t{group_.is_root() && !runner_.others_go_on()}) == 0;
  if (!others_go_on_ && !stopped_ && group_.is_root() && !runner_.others_go_on()) runner_.clear_claims_of_the_dead();
  some_failed_ = world.max(std::int64_t{runner_.some_failed()}) > 0;
  ran_any_ = world.max(std::int64_t{runner_.ran_any()}) > 0;
  held_ = runner_.held();
  Json own = {{"held", held_}, {"cells", Json::object()}};
  if (makers_.is_root())
    for (const auto& cell : planned_)
      if (!cell.fingerprint.empty() || !cell.note.empty())
        own["cells"][cell.id] = {cell.fingerprint, cell.note, cell.baseline};
  const auto all = world.all_gather(own.dump(-1, ' ', false, Json::error_handler_t::replace));
  for (const auto& text : all) {
    const auto known = Json::parse(text);
    for (const auto& id : known["held"]) held_.insert(id.get<std::string>());
    for (auto& cell : planned_) {
      const auto found = known["cells"].find(cell.id);
      if (found == known["cells"].end()) continue;
      if (cell.fingerprint.empty()) cell.fingerprint = found->at(0);
      if (cell.baseline.empty()) cell.baseline = found->at(2);
      if (cell.note.empty()) cell.note = found->at(1);
      if (!cell.fingerprint.empty()) cell.note.clear();  // a later try went well
    }
  }
}

}  // namespace unpact
