#include "unpact/evaluation/fit_questions.hpp"
#include "unpact/campaign/campaign_cost.hpp"

#include <algorithm>
#include <stdlib.h>

#include "finished_work.hpp"
#include "pair_cost.hpp"
#include "planned_sums.hpp"
#include "unpact/campaign/cell.hpp"
#include "plan_text.hpp"
#include "unpact/campaign/check_plan.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_survey.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// A folder that is gone again with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "unpact-plan-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw RuntimeFailure("there is no place for a tokenizer that is only needed to plan", name,
                           "set TMPDIR to a folder that can be written");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// A pair's model, as far as it can be known on paper.
struct ModelOnPaper {
  std::shared_ptr<const Tokenizer> tokenizer;
  ModelConfig config;
};

ModelOnPaper open_model(const Configuration& c, const Dataset& dataset, std::vector<std::string>& remarks) {
  if (!c.model.path.empty()) {
    if (!has_weights(c.model.path)) remarks.push_back(concat("no weights lie in ", c.model.path, " yet"));
    return {load_tokenizer(c.model.path), read_model_config(c.model.path)};
  }
  ModelOnPaper model;
  if (!c.model.tokenizer.empty()) {
    model.tokenizer = load_tokenizer(c.model.tokenizer);
  } else {
    const TemporaryFolder folder;
    train_tokenizer(c, dataset, folder.path() / "tokenizer");
    model.tokenizer = load_tokenizer(folder.path() / "tokenizer");
    remarks.push_back("its tokenizer was trained for this plan and thrown away");
  }
  model.config = starting_config(c.model, model.tokenizer.get());
  return model;
}

std::vector<AskedQuestion> questions_of(const Configuration& c, const Dataset& dataset, const Tokenizer& tokenizer,
                                        const ModelConfig& model) {
  auto questions = ask_questions(dataset, tokenizer, c.prompt.resolve(), static_cast<std::size_t>(c.prompt.examples),
                                 static_cast<std::size_t>(c.dataset.limit));
  fit_questions(questions, model, c.longest_answer(), c.dataset.skip_long);
  for (auto& question : questions) question.unit = c.attribution.settings.unit;
  return questions;
}

/// Of a results file before compression: the log-probabilities of every removal for two answers of two models in float32.
double results_bytes(const std::vector<AskedQuestion>& questions, std::int64_t new_tokens) {
  constexpr double kTexts = 4096;  // prompts, pieces and answers of a question
  double sum = 0;
  for (const auto& question : questions) {
    const auto rows = static_cast<double>(question.prompt.candidate_end - question.prompt.candidate_begin + 1);
    sum += kTexts + 2 * 4 * rows * static_cast<double>(question.gold_answer.size() + static_cast<std::size_t>(new_tokens));
  }
  return sum;
}

/// Whether trainings last long enough for checkpoints by the clock, as far as the speed is known.
bool outlasts_clock(const PairCost& cost, const Configuration& c) {
  const double seconds = 60 * c.train.checkpoint_minutes * static_cast<double>(c.campaign.ranks_per_cell);
  return seconds > 0 && std::ranges::any_of(cost.cells, [&](const CellCost& cell) {
           return std::ranges::any_of(cell.stages, [&](const PlannedStage& s) { return s.trains && s.seconds > seconds; });
         });
}

/// A target is read once a node; cells take it from there. Unlearned models are written where they shall be kept, training
/// checkpoints where they come every so many steps or minutes: weights and two moments in fp32.
void fill_bytes(PairCost& cost, const PairOnPaper& paper, const Machine& machine) {
  const auto& c = paper.pair.configuration;
  const auto weights = static_cast<double>(cost.parameters);
  const auto cells = static_cast<double>(cost.cells.size());
  const auto nodes = static_cast<double>((machine.gpus + machine.per_node - 1) / machine.per_node);
  const double file = has_weights(c.model.path)
                          ? static_cast<double>(survey_weights(c.model.path, nullptr, /*read_values=*/false).bytes)
                          : 2 * weights;
  cost.read = nodes * file;
  cost.written = (cells + 1) * results_bytes(paper.questions, c.generation.max_new_tokens);
  if (makes_target(c.model)) cost.written += 4 * weights;
  if (c.campaign.save_models) cost.written += cells * 4 * weights;
  if (c.train.checkpoint_every > 0 || outlasts_clock(cost, c)) {
    const auto groups = static_cast<double>(std::max<std::int64_t>(1, machine.gpus / c.campaign.ranks_per_cell));
    cost.written += std::min(groups, cells) * static_cast<double>(c.train.checkpoint_keep) * 12 * weights;
  }
}

void require_room_for_a_block(const ModelConfig& config, const Machine& machine) {
  const double block = 4 * block_matrix_size(config);
  UNPACT_VALIDATE(machine.gpu.memory <= 0 || block < machine.gpu.memory,
                  concat("a GPU of ", in_gigabytes(machine.gpu.memory), " cannot hold one block of this model"),
                  concat("its matrices take ", in_gigabytes(block), " in fp32, and a training gathers whole blocks"),
                  "correct plan.gpu_memory, or plan for another GPU");
}

PairCost cost_of_pair(const Pair& pair, const Machine& machine) {
  const auto& c = pair.configuration;
  PairCost cost;
  cost.model = c.model.name;
  cost.dataset = c.dataset.name;
  cost.train_dtype = name_of_value(c.train.dtype);
  cost.model_dtype = name_of_value(c.model.dtype);
  cost.train_rate = train_rate(machine, c);
  cost.score_rate = score_rate(machine, c);
  const auto dataset = load_dataset(c.dataset);
  const auto model = open_model(c, dataset, cost.remarks);
  const auto questions = questions_of(c, dataset, *model.tokenizer, model.config);
  const PairOnPaper paper{pair, dataset, model.config, *model.tokenizer, questions};
  cost.parameters = model.config.parameter_count();
  cost.forget_questions = static_cast<std::size_t>(std::ranges::count_if(questions, &AskedQuestion::in_forget_set));
  cost.retain_questions = questions.size() - cost.forget_questions;
  require_room_for_a_block(model.config, machine);
  PairReckoner reckoner(paper, machine);
  cost.ranks_per_cell = reckoner.fitting_ranks(cost.misfits);
  const auto inputs = inputs_of(c, dataset, cost.remarks);
  cost.shared_is_done = is_baseline_finished(inputs, c);
  cost.baseline_id = cell_id(without_method(c));
  cost.shared = reckoner.shared();
  for (const auto& cell : pair.cells)
    cost.cells.push_back({cell_id(cell), cell.method.name, state_of_cell(inputs, cell), reckoner.cell(cell)});
  fill_bytes(cost, paper, machine);
  return cost;
}

/// Of every results file that counts.
template <class OfStages>
double sum_over(const CampaignCost& cost, bool left_alone, const OfStages& of) {
  double sum = 0;
  for (const auto& pair : cost.pairs) {
    if (!left_alone || !pair.shared_is_done) sum += of(pair.shared);
    for (const auto& cell : pair.cells)
      if (!left_alone || cell.state == CellState::left) sum += of(cell.stages);
  }
  return sum;
}

/// Ranks that make a target and its baseline together.
double ranks_of_shared(const CampaignCost& cost) {
  return static_cast<double>(ranks_of_target(cost.pairs.size(), cost.ranks_per_cell, cost.gpus));
}

}  // namespace

std::optional<int> planned_capability(const Configuration& c, int ranks) {
  const auto machine = machine_of(c, ranks);
  return machine.has_gpu ? std::optional(machine.capability) : std::nullopt;
}

CampaignCost cost_of_campaign(const Configuration& c, const std::vector<Pair>& plan, int ranks) {
  auto machine = machine_of(c, ranks);
  machine.shares_targets = plan.size() == 1;
  CampaignCost cost;
  cost.machine = machine.text;
  cost.has_gpu = machine.has_gpu;
  cost.memory = machine.gpu.memory;
  cost.train_share = c.plan.train_share;
  cost.score_share = c.plan.score_share;
  cost.gpus = machine.gpus;
  cost.per_node = machine.per_node;
  cost.ranks_per_cell = c.campaign.ranks_per_cell;
  cost.margin = c.plan.margin;
  for (const auto& pair : plan) cost.pairs.push_back(cost_of_pair(pair, machine));
  return cost;
}

std::vector<std::pair<std::string, PlannedStages>> planned_stages(const Session& session, const Baseline& baseline,
                                                                  const Pair& pair) {
  auto c = pair.configuration;
  c.plan.gpu = GpuName::automatic;
  c.plan.gpus = c.plan.gpus_per_node = session.world().size();
  c.run.device = session.device().is_cpu() ? DeviceChoice::cpu : DeviceChoice::cuda;
  const auto machine = machine_of(c, session.world().size());
  const PairOnPaper paper{pair, baseline.dataset, baseline.target.transformer.config(), *baseline.target.tokenizer,
                          baseline.questions};
  PairReckoner reckoner(paper, machine);
  std::vector<std::pair<std::string, PlannedStages>> stages = {{baseline.record.id, reckoner.shared()}};
  for (const auto& cell : pair.cells) stages.emplace_back(cell_id(cell), reckoner.cell(cell));
  return stages;
}

double CampaignCost::operations(bool left_alone) const { return sum_over(*this, left_alone, operations_of); }

double CampaignCost::gpu_seconds(bool left_alone) const { return sum_over(*this, left_alone, seconds_of); }

bool CampaignCost::has_rates() const {
  return std::ranges::all_of(pairs, [](const PairCost& pair) { return pair.train_rate > 0 && pair.score_rate > 0; });
}

double CampaignCost::longest_cell() const {
  double longest = 0;
  for (const auto& pair : pairs)
    for (const auto& cell : pair.cells)
      if (cell.state == CellState::left)
        longest = std::max(longest, seconds_of(cell.stages) / static_cast<double>(ranks_per_cell));
  return longest;
}

double CampaignCost::longest_shared() const {
  double longest = 0;
  for (const auto& pair : pairs)
    if (!pair.shared_is_done) longest = std::max(longest, seconds_of(pair.shared) / ranks_of_shared(*this));
  return longest;
}

/// Groups go on to the next pair where there is nothing to do; no pair ends before its longest cell.
double CampaignCost::wall_seconds() const {
  double all = 0, longest_pair = 0, alone = 0;
  const auto groups = static_cast<double>(std::max<std::int64_t>(1, gpus / ranks_per_cell));
  for (const auto& pair : pairs) {
    double longest = 0;
    for (const auto& cell : pair.cells) {
      if (cell.state != CellState::left) continue;
      const double seconds = seconds_of(cell.stages) / static_cast<double>(ranks_per_cell);
      all += seconds;
      longest = std::max(longest, seconds);
    }
    const double shared = pair.shared_is_done ? 0 : seconds_of(pair.shared) / ranks_of_shared(*this);
    if (pairs.size() == 1) alone = shared;
    else all += shared;
    longest_pair = std::max(longest_pair, longest + (pairs.size() == 1 ? 0 : shared));
  }
  return alone + std::max(all / groups, longest_pair);
}

std::size_t CampaignCost::cells(CellState state) const {
  std::size_t count = 0;
  for (const auto& pair : pairs) count += static_cast<std::size_t>(std::ranges::count(pair.cells, state, &CellCost::state));
  return count;
}

void CampaignCost::refuse_misfits() const {
  std::vector<std::string> found;
  bool some_number_fits = true;
  std::int64_t fitting = 1;
  for (const auto& pair : pairs) {
    if (pair.misfits.empty()) continue;
    std::vector<std::string> stages;
    for (const auto& misfit : pair.misfits) stages.push_back(concat(misfit.stage, " ", in_gigabytes(misfit.bytes)));
    found.push_back(concat("model ", pair.model, " x dataset ", pair.dataset, ": ", join(stages, ", ")));
    some_number_fits = some_number_fits && pair.ranks_per_cell > 0;
    fitting = std::max(fitting, pair.ranks_per_cell);
  }
  if (found.empty()) return;
  throw UserError(concat("stages of this campaign do not fit into a GPU of ", in_gigabytes(memory)),
                  concat("with campaign.ranks_per_cell = ", ranks_per_cell, " a rank needs: ", join(found, "; ")),
                  some_number_fits ? concat("set campaign.ranks_per_cell = ", fitting, ", the smallest that fits")
                                   : concat("no ranks_per_cell that divides plan.gpus = ", gpus,
                                            " fits: plan more or larger GPUs, train.recompute = true, train.dtype = bf16, "
                                            "train.offload_optimizer = true or a smaller micro_batch"));
}

}  // namespace unpact
