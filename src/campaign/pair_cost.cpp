#include "pair_cost.hpp"

#include <algorithm>

#include "stage_costs.hpp"
#include "unpact/campaign/floor_model.hpp"
#include "relearning.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/stage_shapes.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/core/error.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/model/compute_dtype.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/train/save_points.hpp"

namespace unpact {
namespace {

std::int64_t longest_of(const std::vector<Example>& examples) {
  std::size_t longest = 1;
  for (const auto& example : examples) longest = std::max(longest, example.ids.size());
  return static_cast<std::int64_t>(longest);
}

c10::Device device_of(const Machine& machine) {
  return machine.has_gpu ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
}

/// The stage of the memory plan that a stage of the work goes through.
std::string memory_stage(const std::string& stage) {
  if (stage == "make_target") return kFinetuneStage;
  if (stage == kUnlearnStage || stage == kReshardStage) return stage;
  if (stage.ends_with("_relearn")) return kRelearnStage;
  for (const char* of_baseline : {"target_", "ceiling_", "floor_", "depth_floor", "judge_check"})
    if (stage.rfind(of_baseline, 0) == 0) return kBaselineStage;
  return kEvaluateStage;
}

void fill_memory(PlannedStages& stages, const std::vector<StageMemory>& memory) {
  for (auto& stage : stages) {
    const auto one = std::ranges::find(memory, memory_stage(stage.stage), &StageMemory::stage);
    UNPACT_EXPECT(one != memory.end());
    stage.bytes = one->bytes;
    stage.host_bytes = one->host_bytes;
  }
}

double peak_of(const Machine& machine, bool bf16) { return bf16 ? machine.gpu.bf16 : machine.gpu.fp32; }

/// Adds other work, so many times: at least, as reckoned, at most.
void add_times(PlannedStage& stage, const PlannedStage& other, double least, double times, double most) {
  stage.low += least * other.low;
  stage.operations += times * other.operations;
  stage.high += most * other.high;
  stage.weight_reads += times * other.weight_reads;
}

/// How an unlearned model is asked, but for seeds, which decide no length.
std::string evaluation_key(Configuration cell) {
  const auto two = kind_of(cell.method).answers_by_two;
  cell.run.seed = 0;
  cell.method = {};
  cell.unlearn = {};
  cell.train = {};
  return concat(two, settings_that_affect(cell, Made::cell));
}

}  // namespace

double train_rate(const Machine& machine, const Configuration& c) {
  return peak_of(machine, c.train.dtype == ComputeType::bf16) * c.plan.train_share;
}

double score_rate(const Machine& machine, const Configuration& c) {
  const auto& gpu = machine.gpu;
  const auto dtype = c.model.dtype;
  const double peak = dtype == ModelDtype::bf16   ? gpu.bf16
                      : dtype == ModelDtype::fp16 ? gpu.fp16
                      : dtype == ModelDtype::tf32 ? gpu.tf32
                                                  : gpu.fp32;
  return peak * c.plan.score_share;
}

double score_bytes(const Configuration& c) { return static_cast<double>(c10::elementSize(weights_dtype(c.model.dtype))); }

PairReckoner::PairReckoner(const PairOnPaper& paper, const Machine& machine)
    : paper_(paper), machine_(machine), prompt_(paper.pair.configuration.prompt.resolve()) {
  const auto& c = paper.pair.configuration;
  if (makes_target(c.model))
    making_ = finetune_examples(c, paper.dataset, paper.tokenizer, prompt_, context_limit(c, paper.config));
  if (relearns(c.probe))
    relearned_ = relearn_examples(relearn_set(c, paper.dataset), paper.tokenizer, prompt_, context_limit(c, paper.config));
  const auto options = c.evaluation_options();
  longest_of_metrics_ = static_cast<std::size_t>(
      longest_sequence(metric_work({paper.dataset, paper.questions, options}, paper.config, paper.tokenizer, prompt_)));
}

const PairReckoner::Data& PairReckoner::data_of(const Configuration& cell) {
  const auto [found, is_new] = data_.try_emplace(data_key(cell));
  auto& [data, longest] = found->second;
  if (is_new) {
    data = unlearn_data(cell, paper_.dataset, paper_.tokenizer, prompt_, context_limit(cell, paper_.config));
    longest = std::max(longest_of(*data.forget), longest_of(*data.retain));
  }
  return found->second;
}

std::vector<StageMemory> PairReckoner::memory_of(const Configuration& cell, std::int64_t ranks) {
  const auto& c = paper_.pair.configuration;
  const auto device = device_of(machine_);
  auto scoring =
      scoring_shape(cell, score_bytes(cell), longest_asked(cell), static_cast<std::int64_t>(paper_.questions.size()));
  auto of_target = scoring;
  of_target.models = 1;
  const auto together = static_cast<int>(machine_.shares_targets ? std::max(ranks, machine_.gpus) : ranks);
  of_target = cut(c, of_target, shards_to_ask(c, paper_.config, of_target, together, machine_.gpu.memory));
  scoring = cut(cell, scoring, shards_to_ask(cell, paper_.config, scoring, static_cast<int>(ranks), machine_.gpu.memory));
  const auto unlearning = unlearning_shape(cell, paper_.config, static_cast<int>(ranks), data_of(cell).longest, device);
  const auto making = finetuning_shape(c, together, longest_of(making_), device);
  auto stages = pair_stages(paper_.config, of_target, making_.empty() ? nullptr : &making);
  for (auto& stage : cell_stages(paper_.config, scoring, unlearning)) stages.push_back(std::move(stage));
  if (!relearned_.empty())
    stages.push_back(
        relearning_stage(cell, paper_.config, scoring, static_cast<int>(ranks), longest_of(relearned_), device));
  return stages;
}

/// Tokens of the longest prompt with its answer.
std::int64_t PairReckoner::longest_asked(const Configuration& cell) const {
  std::size_t longest = longest_of_metrics_;
  for (const auto& question : paper_.questions)
    longest =
        std::max(longest, question.prompt.ids.size() + std::max(static_cast<std::size_t>(cell.generation.max_new_tokens),
                                                                question.gold_answer.size()));
  return static_cast<std::int64_t>(longest);
}

/// A pass over few rows takes as long as reading the weights, however few its operations are.
void PairReckoner::fill_seconds(PlannedStages& stages, const Configuration& c) const {
  const double weights = score_bytes(c) * static_cast<double>(paper_.config.parameter_count());
  for (auto& stage : stages) {
    const double rate = stage.trains ? train_rate(machine_, c) : score_rate(machine_, c);
    if (rate <= 0) continue;
    const double reading = machine_.gpu.bandwidth > 0 ? stage.weight_reads * weights / machine_.gpu.bandwidth : 0;
    stage.seconds = std::max(stage.operations / rate, reading);
  }
}

/// A training for every number of steps, each from the probed model on.
void PairReckoner::add_relearning(const Configuration& c, const std::string& stage, PlannedStages& stages) const {
  const auto found = std::ranges::find(stages, stage, &PlannedStage::stage);
  if (found == stages.end()) return;
  for (const auto steps : read_steps(c.probe.relearn.steps, "relearn.steps")) {
    const auto cost = finetuning_cost(paper_.config, relearn_training(c, steps), relearned_, stage);
    found->operations += cost.operations;
    found->high += cost.high;
  }
}

const PlannedStages& PairReckoner::evaluation(const Configuration& cell) {
  const auto [found, is_new] = evaluations_.try_emplace(evaluation_key(cell));
  auto& stages = found->second;
  if (!is_new) return stages;
  const auto options = cell.evaluation_options();
  const AskedModel asked{paper_.config,    paper_.tokenizer, prompt_,
                         paper_.questions, options,          kind_of(cell.method).answers_by_two,
                         /*rambles=*/true};
  stages = {answers_cost(asked, "unlearned_answers"), attribution_cost(asked, "unlearned_attribution")};
  if (options.probe.arms)
    for (auto& stage : probe_costs(asked, "retain_")) stages.push_back(std::move(stage));
  for (auto& probe : probe_costs(asked)) stages.push_back(std::move(probe));
  if (!asked.is_two) add_relearning(cell, "probe_relearn", stages);
  for (auto& metrics : metrics_cost(asked, paper_.dataset, "unlearned_metrics")) stages.push_back(std::move(metrics));
  if (options.metric.depth) stages.push_back(depth_cost(asked, "depth_unlearned"));
  return stages;
}

PlannedStages PairReckoner::shared() {
  const auto& c = paper_.pair.configuration;
  const auto options = c.evaluation_options();
  const AskedModel asked{paper_.config, paper_.tokenizer, prompt_, paper_.questions, options};
  PlannedStages stages;
  if (!making_.empty()) stages.push_back(finetuning_cost(paper_.config, c.finetune_training(), making_, "make_target"));
  for (auto& stage : known_answers_cost(asked)) stages.push_back(std::move(stage));
  stages.push_back(answers_cost(asked, "target_answers"));
  stages.push_back(attribution_cost(asked, "target_attribution"));
  if (options.probe.arms)
    for (auto& stage : probe_costs(asked, "ceiling_")) stages.push_back(std::move(stage));
  if (options.probe.arms && !floor_model_folder(c).empty()) {
    stages.push_back(answers_cost(asked, "floor_answers"));
    for (auto& stage : probe_costs(asked, "floor_")) stages.push_back(std::move(stage));
    if (options.metric.depth) stages.push_back(depth_cost(asked, "depth_floor"));
  }
  for (const auto* stage : {"ceiling_relearn", "floor_relearn"}) add_relearning(c, stage, stages);
  for (auto& metrics : metrics_cost(asked, paper_.dataset, "target_metrics")) stages.push_back(std::move(metrics));
  fill_memory(stages, memory_of(paper_.pair.cells.front(), c.campaign.ranks_per_cell));
  fill_seconds(stages, c);
  return stages;
}

/// Contributions of single tokens to gold answers and their ends, and what is left without all KeyTokens. The first of the
/// cells that need them computes them.
PlannedStage PairReckoner::contributions(const Configuration& cell) const {
  const auto questions = questions_to_attribute(cell, paper_.dataset, paper_.tokenizer, prompt_);
  auto options = cell.evaluation_options();
  options.attribution.method = kLeaveOneOut;
  options.attribution.settings = {.engine = cell.attribution.settings.engine};
  options.attribution.score_end = true;
  const AskedModel asked{paper_.config, paper_.tokenizer, prompt_, questions, options};
  std::vector<PromptAnswer> items;
  for (const auto& question : questions) items.push_back({question.prompt.ids, question.gold_answer});
  PlannedStage stage;
  stage.stage = kContributionsStage;
  stage.high = attribution_cost(asked, stage.stage).low + 2 * scored_cost(asked, items);
  stage.operations = stage.high / static_cast<double>(std::ranges::count_if(paper_.pair.cells, needs_contributions));
  return stage;
}

/// An evaluation without attributions (light_evaluation.hpp): answers to all questions, and a pass over the gold answers.
PlannedStage PairReckoner::looking(const Configuration& cell) const {
  const auto options = cell.evaluation_options();
  const AskedModel asked{paper_.config, paper_.tokenizer, prompt_,         paper_.questions,
                         options,       /*is_two=*/false, /*rambles=*/true};
  auto cost = answers_cost(asked, "look");
  std::vector<PromptAnswer> gold;
  for (const auto& question : paper_.questions) gold.push_back({question.prompt.ids, question.gold_answer});
  const auto scoring = scored_cost(asked, gold);
  cost.low += scoring;
  cost.operations += scoring;
  cost.high += scoring;
  return cost;
}

PlannedStages PairReckoner::cell(const Configuration& cell) {
  PlannedStage reshard;  // nothing is computed in it
  reshard.stage = kReshardStage;
  const auto options = cell.unlearn_training();
  const auto& data = data_of(cell).data;
  PlannedStages stages = {unlearning_cost(paper_.config, cell.method, options, data), reshard};
  const auto points =
      steps_of_points(cell.unlearn.save_points, options, static_cast<std::int64_t>(data.forget->size())).size();
  if (const auto looks = static_cast<double>(points); looks > 0)
    add_times(stages.front(), looking(cell), looks, looks, looks);
  if (cell.unlearn.mix == MixRule::calibrate) {
    constexpr double kLeast = 0.25, kMost = 4;  // one to eight evaluations of at most half of the questions
    stages.emplace_back().stage = "mix";
    add_times(stages.back(), looking(cell), kLeast, kMost, kMost);
  }
  if (needs_contributions(cell)) stages.insert(stages.begin(), contributions(cell));
  const auto& asking = evaluation(cell);
  stages.insert(stages.end(), asking.begin(), asking.end());
  fill_memory(stages, memory_of(cell, cell.campaign.ranks_per_cell));
  fill_seconds(stages, cell);
  return stages;
}

std::vector<Misfit> PairReckoner::too_large(std::int64_t ranks) {
  std::vector<Misfit> found;
  for (const auto& cell : paper_.pair.cells) {
    for (const auto& stage : memory_of(cell, ranks)) {
      if (stage.bytes <= machine_.gpu.memory) continue;
      const auto known = std::ranges::find(found, stage.stage, &Misfit::stage);
      if (known == found.end()) found.push_back({stage.stage, stage.bytes});
      else known->bytes = std::max(known->bytes, stage.bytes);
    }
  }
  return found;
}

std::int64_t PairReckoner::fitting_ranks(std::vector<Misfit>& misfits) {
  if (machine_.gpu.memory <= 0) return 0;
  misfits = too_large(paper_.pair.configuration.campaign.ranks_per_cell);
  for (std::int64_t ranks = 1; ranks <= machine_.gpus; ranks *= 2)
    if (machine_.gpus % ranks == 0 && too_large(ranks).empty()) return ranks;
  return 0;
}

}  // namespace unpact
