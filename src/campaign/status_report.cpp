/// A campaign's status as text and as JSON.
#include <algorithm>
#include <cstdio>

#include "unpact/campaign/campaign_status.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/progress.hpp"

namespace unpact {
namespace {

constexpr int kStatusVersion = 1;

/// Names come from files of a folder that others may write: nothing that a terminal would obey.
std::string printable(std::string text) {
  for (auto& character : text)
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7F) character = '?';
  return shortened(text, 300);
}

std::string hours(double seconds) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", seconds < 360 ? 4 : 2, seconds / 3600);
  return text;
}

/// "node7, job 4711, rank 2 of 2 a cell, since 2026-01-31T12:00:00Z: npo: unlearn 110/313 steps, 12 min left".
std::string worker_text(const WorkItem& item) {
  if (!item.claim || !item.claim->holder) return "by somebody whose claim cannot be read";
  const auto& h = *item.claim->holder;
  auto text = concat("on ", h.host, h.job.empty() ? "" : concat(", job ", h.job),
                     h.restart > 0 ? concat(", start ", h.restart + 1) : "", ", rank ", h.rank,
                     item.ranks() > 1 ? concat(" to ", h.rank + item.ranks() - 1) : "", ", since ", h.started);
  if (!h.doing.what.empty()) text += concat("; ", h.doing.what, " ", h.doing.step, "/", h.doing.steps, " ", h.doing.unit);
  if (item.seconds_left >= 0) text += concat(", about ", format_duration(item.seconds_left), " left");
  return text;
}

std::string line_of(const WorkItem& item) {
  const bool held = item.claim.has_value();
  return concat("  ", printable(item.id), held ? concat("  ", printable(worker_text(item))) : "",
                item.reason.empty() ? "" : concat(held ? "; " : "  ", printable(item.reason)), "\n");
}

std::string section(const CampaignStatus& status, WorkState state, const char* title) {
  constexpr std::size_t kMost = 30;
  std::string text;
  std::size_t count = 0;
  for (const auto& item : status.items) {
    if (item.state != state) continue;
    if (++count <= kMost || state == WorkState::running) text += line_of(item);
  }
  if (count == 0) return "";
  if (count > kMost && state != WorkState::running) text += concat("  and ", count - kMost, " more\n");
  return concat("\n", title, ":\n", text);
}

std::string counts_line(const CampaignStatus& status, const char* title, const std::vector<WorkKind>& kinds) {
  std::vector<std::string> parts;
  std::size_t all = 0;
  for (std::size_t i = 0; i < names_of<WorkState>().size(); ++i) {
    std::size_t count = 0;
    for (const auto kind : kinds) count += status.count(kind, static_cast<WorkState>(i));
    if (count > 0) parts.push_back(concat(count, " ", names_of<WorkState>()[i]));
    all += count;
  }
  return all == 0 ? "" : concat("  ", title, ": ", all, ", ", join(parts, ", "), "\n");
}

std::string work_text(const WorkSums& sums) {
  auto text = concat("\nwork in GPU-hours (hours of a rank): ", hours(sums.measured), " measured in what is finished");
  if (sums.planned_of_those > 0) text += concat(" (the plan said ", hours(sums.planned_of_those), ")");
  if (sums.held > 0) text += concat(", ", hours(sums.held), " so far in what is running");
  text += concat(", about ", hours(sums.left), " left");
  if (sums.unknown > 0) text += concat(" and ", sums.unknown, " cell(s) of which nothing is known");
  if (sums.planned > 0) text += concat("; planned in all ", hours(sums.planned));
  if (sums.seconds_left >= 0)
    text += concat("\nabout ", format_duration(sums.seconds_left), " more with the ", sums.ranks, " rank(s) at work now");
  return text + "\n";
}

std::string queue_text(const BatchQueue& queue) {
  if (queue.jobs.empty())
    return concat("\nSlurm: ", printable(queue.is_known ? "none of these jobs is queued or runs" : queue.note), "\n");
  std::string text = "\nSlurm:\n";
  for (const auto& job : queue.jobs)
    text += concat("  ",
                   printable(concat(job.id, "  ", job.state, "  ", job.elapsed, " of ", job.limit, "  ", job.nodes,
                                    " node(s)  ", job.where, "  ", job.name)),
                   "\n");
  return text;
}

Json worker_json(const WorkItem& item) {
  if (!item.claim || !item.claim->holder) return nullptr;
  const auto& h = *item.claim->holder;
  return {{"host", h.host},
          {"job", h.job},
          {"restart", h.restart},
          {"run", h.run},
          {"pid", h.pid},
          {"rank", h.rank},
          {"ranks", item.ranks()},
          {"since", h.started},
          {"held_seconds", item.held_seconds()},
          {"silent_seconds", item.claim->silent_seconds},
          {"doing", h.doing.what},
          {"unit", h.doing.unit},
          {"step", h.doing.step},
          {"steps", h.doing.steps}};
}

/// null: not known.
Json known(double value, bool is_known) { return is_known ? Json(value) : Json(nullptr); }

Json item_json(const WorkItem& item) {
  Json json = {{"id", item.id},
               {"kind", name_of_value(item.kind)},
               {"state", name_of_value(item.state)},
               {"reason", item.reason},
               {"model", item.model},
               {"dataset", item.dataset}};
  if (item.kind == WorkKind::cell) {
    json["method"] = item.method;
    json["seed"] = item.seed;
  }
  json["worker"] = worker_json(item);
  json["planned_gpu_seconds"] = known(item.planned, item.planned > 0);
  json["measured_gpu_seconds"] = known(item.measured, item.measured > 0);
  json["expected_gpu_seconds"] = known(item.expected, item.expected > 0);
  json["seconds_left"] = known(item.seconds_left, item.seconds_left >= 0);
  return json;
}

Json counts_json(const CampaignStatus& status, WorkKind kind) {
  Json counts = Json::object();
  for (std::size_t i = 0; i < names_of<WorkState>().size(); ++i)
    counts[names_of<WorkState>()[i]] = status.count(kind, static_cast<WorkState>(i));
  return counts;
}

Json queue_json(const BatchQueue& queue) {
  Json jobs = Json::array();
  for (const auto& job : queue.jobs)
    jobs.push_back({{"id", job.id},
                    {"state", job.state},
                    {"elapsed", job.elapsed},
                    {"limit", job.limit},
                    {"nodes", job.nodes},
                    {"where", job.where},
                    {"name", job.name}});
  return {{"known", queue.is_known}, {"note", queue.note}, {"jobs", jobs}};
}

}  // namespace

std::string CampaignStatus::text() const {
  auto text = concat("campaign in ", printable(folder.string()), ", ", when, "\n",
                     counts_line(*this, "targets and baselines", {WorkKind::target, WorkKind::baseline}),
                     counts_line(*this, "cells", {WorkKind::cell}));
  text += section(*this, WorkState::running, "running") + section(*this, WorkState::failed, "failed") +
          section(*this, WorkState::stale, "left by somebody who is gone (the next job takes it over)") +
          section(*this, WorkState::waiting, "waiting") + section(*this, WorkState::missing, "missing");
  text += work_text(sums) + queue_text(queue);
  for (const auto& problem : problems) text += concat("problem: ", printable(problem), "\n");
  return text;
}

Json CampaignStatus::json() const {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(item_json(item));
  Json counts = Json::object();
  for (const auto kind : {WorkKind::target, WorkKind::baseline, WorkKind::cell})
    counts[name_of_value(kind)] = counts_json(*this, kind);
  return {{"schema_name", "unpact-status"},
          {"schema_version", kStatusVersion},
          {"folder", folder.string()},
          {"when", when},
          {"settled", is_settled()},
          {"counts", counts},
          {"items", list},
          {"work",
           {{"planned_gpu_seconds", known(sums.planned, sums.planned > 0)},
            {"measured_gpu_seconds", sums.measured},
            {"planned_gpu_seconds_of_measured", known(sums.planned_of_those, sums.planned_of_those > 0)},
            {"held_gpu_seconds", sums.held},
            {"left_gpu_seconds", sums.left},
            {"unknown_cells", sums.unknown},
            {"ranks", sums.ranks},
            {"seconds_left", known(sums.seconds_left, sums.seconds_left >= 0)}}},
          {"slurm", queue_json(queue)},
          {"problems", problems}};
}

}  // namespace unpact
