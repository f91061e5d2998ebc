/// A campaign's cost as text and as JSON.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "plan_text.hpp"
#include "unpact/campaign/campaign_cost.hpp"
#include "unpact/core/error.hpp"
#include "unpact/store/cell_places.hpp"

namespace unpact {
namespace {

/// What a batch system is asked for: everything that is left, with the margin.
struct Request {
  double gpu_hours = 0, hours = 0;
  std::int64_t nodes = 1;
  double disk = 0;
};

Request request_of(const CampaignCost& cost) {
  const double with_margin = 1 + cost.margin, hour = 3600;
  Request request;
  // GPUs that wait for the last cell are paid for, too.
  request.gpu_hours = with_margin * cost.wall_seconds() * static_cast<double>(cost.gpus) / hour;
  request.hours = with_margin * cost.wall_seconds() / hour;
  request.nodes = (cost.gpus + cost.per_node - 1) / cost.per_node;
  for (const auto& pair : cost.pairs) request.disk += with_margin * pair.written;
  return request;
}

std::string interval(const PlannedStage& stage) {
  if (stage.low == stage.high) return "";
  return concat("  (", in_operations(stage.low), " to ", in_operations(stage.high), ")");
}

std::string heading() {
  return concat("    ", std::string(24, ' '), column("operations", 12), column("GPU time", 12),
                column("a rank's memory", 18), column("host", 11), "\n");
}

std::string stage_line(const PlannedStage& stage) {
  const auto& name = stage.stage;
  return concat("    ", name, std::string(name.size() < 24 ? 24 - name.size() : 1, ' '),
                column(in_operations(stage.operations), 12), column(in_time(stage.seconds), 12),
                column(in_gigabytes(stage.bytes), 18),
                column(stage.host_bytes > 0 ? in_gigabytes(stage.host_bytes) : "-", 11), interval(stage), "\n");
}

/// Asking mostly costs the same whatever was unlearned before.
bool same_cost(const PlannedStage& a, const PlannedStage& b) {
  return a.stage == b.stage && a.operations == b.operations && a.low == b.low && a.high == b.high && a.bytes == b.bytes;
}

/// Cells of one method differ by their seed alone: one table for all of them.
/// @param first the pair's first cell, whose stages stand above already; null: this is it.
std::string method_text(const std::vector<const CellCost*>& cells, const CellCost* first) {
  std::map<CellState, std::size_t> states;
  for (const auto* cell : cells) ++states[cell->state];
  std::vector<std::string> counts;
  for (const auto& [state, count] : states) counts.push_back(concat(count, " ", name_of_value(state)));
  auto text = concat("  ", cells.front()->method, ": ", cells.size(), " cell(s), ", join(counts, ", "), "; each:\n");
  std::vector<std::string> as_above;
  for (const auto& stage : cells.front()->stages) {
    const bool known =
        first != nullptr && std::ranges::any_of(first->stages, [&](const auto& s) { return same_cost(s, stage); });
    if (known) as_above.push_back(stage.stage);
    else text += stage_line(stage);
  }
  return as_above.empty() ? text : text + concat("    as above: ", join(as_above, ", "), "\n");
}

std::string ranks_text(const CampaignCost& cost, const PairCost& pair) {
  if (!cost.has_gpu) return "";
  if (pair.ranks_per_cell == 0)
    return concat("  no number of ranks a cell that divides ", cost.gpus, " GPUs makes every stage fit\n");
  return concat(
      "  best ranks_per_cell: ", pair.ranks_per_cell,
      ", the smallest power of two that divides the GPUs and makes every stage fit into ", in_gigabytes(cost.memory),
      pair.ranks_per_cell == cost.ranks_per_cell ? "" : concat("; campaign.ranks_per_cell is ", cost.ranks_per_cell), "\n");
}

std::string rates_text(const CampaignCost& cost, const PairCost& pair) {
  const auto dtypes = concat("  trains in ", pair.train_dtype, ", answers in ", pair.model_dtype);
  if (pair.train_rate <= 0 || pair.score_rate <= 0)
    return concat(dtypes, "; no rate is known: name a GPU (plan.gpu) or its peak (plan.peak_tflops) to get hours\n");
  return concat(dtypes, ": ", pair.train_rate / 1e12, " TFLOP/s a GPU (", 100 * cost.train_share, " % of the peak) and ",
                pair.score_rate / 1e12, " (", 100 * cost.score_share, " %)\n");
}

std::string pair_text(const CampaignCost& cost, const PairCost& pair) {
  auto text = concat("\nmodel ", pair.model, " x dataset ", pair.dataset, ": ", pair.parameters, " weights, ",
                     pair.forget_questions, " + ", pair.retain_questions, " questions, ", pair.cells.size(), " cell(s)\n");
  for (const auto& remark : pair.remarks) text += concat("  remark: ", remark, "\n");
  text += rates_text(cost, pair) + ranks_text(cost, pair);
  for (const auto& misfit : pair.misfits)
    text += concat("  does not fit: ", misfit.stage, " needs ", in_gigabytes(misfit.bytes), " a rank\n");
  text += heading() + concat("  once for all cells", pair.shared_is_done ? ", finished" : "", ":\n");
  for (const auto& stage : pair.shared) text += stage_line(stage);
  std::vector<std::string> methods;
  for (const auto& cell : pair.cells)
    if (std::ranges::find(methods, cell.method) == methods.end()) methods.push_back(cell.method);
  for (const auto& method : methods) {
    std::vector<const CellCost*> cells;
    for (const auto& cell : pair.cells)
      if (cell.method == method) cells.push_back(&cell);
    text += method_text(cells, cells.front() == &pair.cells.front() ? nullptr : &pair.cells.front());
  }
  return text + concat("  reads ", in_gigabytes(pair.read), ", writes up to ", in_gigabytes(pair.written), "\n");
}

std::string total_text(const CampaignCost& cost) {
  auto text = concat("\ncampaign: ", cost.pairs.size(), " pair(s), ", cost.cells(CellState::finished), " cell(s) finished, ",
                     cost.cells(CellState::failed), " failed, ", cost.cells(CellState::left), " left\n  operations left ",
                     in_operations(cost.operations(true)), " of ", in_operations(cost.operations(false)), "\n");
  if (!cost.has_rates()) return text;
  const auto request = request_of(cost);
  return text + concat("  GPU time left ", in_time(cost.gpu_seconds(true)), " of ", in_time(cost.gpu_seconds(false)),
                       "; longest cell ", in_time(cost.longest_cell()), ", longest target ", in_time(cost.longest_shared()),
                       "\n  ask for (margin ", 100 * cost.margin, " %): ", request.nodes, " node(s) of ", cost.per_node,
                       " GPU(s), ", std::ceil(10 * request.gpu_hours) / 10, " GPU-hours, ",
                       std::ceil(10 * request.hours) / 10, " h in all, a job's time limit of at least ",
                       in_time((1 + cost.margin) * std::max(cost.longest_cell(), cost.longest_shared())),
                       " (shorter ones stop and go on), ", in_gigabytes(request.disk), " of disk\n");
}

Json pair_json(const PairCost& pair) {
  Json cells = Json::array(), misfits = Json::array();
  for (const auto& cell : pair.cells)
    cells.push_back({{"id", cell.id},
                     {"method", cell.method},
                     {"state", name_of_value(cell.state)},
                     {"stages", stages_json(cell.stages)}});
  for (const auto& misfit : pair.misfits) misfits.push_back({{"stage", misfit.stage}, {"bytes", misfit.bytes}});
  return {{"model", pair.model},
          {"dataset", pair.dataset},
          {"parameters", pair.parameters},
          {"train_dtype", pair.train_dtype},
          {"model_dtype", pair.model_dtype},
          {"train_operations_per_second", pair.train_rate},
          {"score_operations_per_second", pair.score_rate},
          {"forget_questions", pair.forget_questions},
          {"retain_questions", pair.retain_questions},
          {"best_ranks_per_cell", pair.ranks_per_cell},
          {"misfits", misfits},
          {"remarks", pair.remarks},
          {"shared", {{"id", pair.baseline_id}, {"finished", pair.shared_is_done}, {"stages", stages_json(pair.shared)}}},
          {"cells", cells},
          {"bytes_read", pair.read},
          {"bytes_written", pair.written}};
}

}  // namespace

std::string CampaignCost::text() const {
  auto text = concat("planned for ", machine, "; campaign.ranks_per_cell = ", ranks_per_cell, "\n");
  for (const auto& pair : pairs) text += pair_text(*this, pair);
  return text + total_text(*this);
}

Json CampaignCost::json() const {
  const auto request = request_of(*this);
  Json list = Json::array();
  for (const auto& pair : pairs) list.push_back(pair_json(pair));
  return {
      {"schema_name", "unpact-campaign-cost"},
      {"machine",
       {{"text", machine},
        {"gpus", gpus},
        {"gpus_per_node", per_node},
        {"gpu_bytes", memory},
        {"train_share", train_share},
        {"score_share", score_share}}},
      {"ranks_per_cell", ranks_per_cell},
      {"pairs", list},
      {"cells",
       {{"finished", cells(CellState::finished)}, {"failed", cells(CellState::failed)}, {"left", cells(CellState::left)}}},
      {"operations", operations(false)},
      {"operations_left", operations(true)},
      {"gpu_seconds", gpu_seconds(false)},
      {"gpu_seconds_left", gpu_seconds(true)},
      {"longest_cell_seconds", longest_cell()},
      {"longest_target_seconds", longest_shared()},
      {"request",
       {{"margin", margin},
        {"nodes", request.nodes},
        {"gpu_hours", request.gpu_hours},
        {"hours", request.hours},
        {"disk_bytes", request.disk}}}};
}

}  // namespace unpact
