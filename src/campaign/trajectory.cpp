#include "trajectory.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/floor_model.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

std::vector<std::uint8_t> held_out_of(const QuestionRecord& questions) {
  std::vector<std::uint8_t> held_out(questions.split.size(), 0);
  for (std::size_t q = 0; q < questions.half.size(); ++q)
    held_out[q] = questions.half[q] == static_cast<std::uint8_t>(Half::held_out);
  return held_out;
}

/// A row as its file has it; numbers are read back exactly.
Json to_json(const LightAnswers& answers, double seconds) {
  return {answers.is_right, answers.gold_log_probability, answers.extraction_strength, seconds};
}

}  // namespace

QuestionRecord questions_of_cell(const Baseline& baseline, const Configuration& c) {
  auto questions = baseline.record.questions;
  if (c.unlearn.form != ExampleForm::texts) return questions;
  questions.half.resize(questions.split.size());
  for (std::size_t q = 0; q < questions.split.size(); ++q)
    if (questions.split[q] == static_cast<std::uint8_t>(Split::retain))
      questions.half[q] = static_cast<std::uint8_t>(Half::held_out);
  return questions;
}

void check_trajectory(const Configuration& c, const std::vector<AskedQuestion>& questions, std::int64_t examples) {
  const auto& u = c.unlearn;
  const bool looks = !u.save_points.empty(), mixes = u.mix != MixRule::none;
  if (!looks && !mixes) return;
  if (looks) steps_of_points(u.save_points, c.unlearn_training(), examples);
  const auto* option = looks ? "unlearn.save_points" : "unlearn.mix";
  UNPACT_VALIDATE(judge_row(c.judge).name != "external",
                  concat("options '", option, "' and 'judge.kind = external' contradict each other"),
                  "answers on the way are judged on the spot, and nobody has judged them", "let another judge decide");
  if (u.select == PointRule::last && !mixes) return;
  UNPACT_VALIDATE(
      u.select != PointRule::first_below_floor || (!floor_model_folder(c).empty() && c.probe.arms),
      "option 'unlearn.select' is 'first_below_floor', and there is no floor",
      c.probe.arms ? "campaign.floor_model is empty, and the target is not made from a checkpoint" : "probe.arms is false",
      "name a model that was never taught the forget set in campaign.floor_model, or choose another rule");
  std::vector<std::uint8_t> held_out;
  for (const auto& asked : questions)
    held_out.push_back(!asked.in_forget_set && (u.form == ExampleForm::texts || asked.pair.half == SetHalf::held_out));
  point_roles(questions, held_out, c.dataset.kind);
}

Trajectory::Trajectory(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                       fs::path folder, fs::path kept_models)
    : session_(session), group_(group), baseline_(baseline), configuration_(c), folder_(std::move(folder)),
      kept_models_(std::move(kept_models)), questions_(questions_of_cell(baseline, c)) {
  if (c.unlearn.select == PointRule::last) return;
  roles_ = point_roles(baseline.questions, held_out_of(questions_), c.dataset.kind);
  bounds_.target_retain_right = count_choosing(baseline.record.target.is_right, questions_, roles_).retain_right;
  const auto& arms = baseline.record.arms;
  if (const auto floor = std::ranges::find(arms, kFloorArm, &ArmRecord::name); floor != arms.end())
    bounds_.floor_forget_right = count_choosing(floor->is_right, questions_, roles_).forget_right;
}

SavePoints Trajectory::points(const TrainOptions& options, std::int64_t examples) {
  steps_ = steps_of_points(configuration_.unlearn.save_points, options, examples);
  steps_an_epoch_ = static_cast<double>(examples) / static_cast<double>(options.batch_size);
  if (options.step_rule == StepRule::per_epoch) steps_an_epoch_ = std::ceil(steps_an_epoch_);
  return {steps_, [this](std::int64_t step, const GiveWeights& give) { visit(step, give); }};
}

void Trajectory::visit(std::int64_t step, const GiveWeights& give) {
  const Stopwatch clock;
  const auto& c = configuration_;
  read_rows_before(step);
  LightAnswers answers;
  {
    const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
    const auto model = model_from(give);
    const auto options = open_judge(session_, group_, c, baseline_.judge);
    answers = answer_lightly(group_, model, baseline_.questions, options, baseline_.record.judge_check);
  }
  give_memory_back(session_.device());
  take_row(step, std::move(answers), clock.seconds());
  keep_weights(step, give);
}

/// A model of its own beside the training, in what the cell's model will answer in.
LanguageModel Trajectory::model_from(const GiveWeights& give) const {
  const auto& target = baseline_.target;
  const auto& config = target.transformer.config();
  ResultOptions wanted;
  wanted.dtype = answering_dtype(session_, configuration_, target);
  if (!asks_on_shards(session_, group_, configuration_, config, 1, wanted.dtype))
    return {Transformer(config, give(wanted)), target.tokenizer, target.prompt_template, {}, {}, target.stored};
  WeightPieces pieces(config, group_, wanted.dtype, session_.device());
  wanted.take_unit = [&](Weights& weights, std::size_t unit) { pieces.take(weights, unit); };
  give(wanted);
  return {sharded_transformer(group_, std::move(pieces)), target.tokenizer, target.prompt_template, {}, {}, target.stored};
}

void Trajectory::take_row(std::int64_t step, LightAnswers answers, double seconds) {
  const auto text = to_json(answers, seconds).dump();
  on_root(group_, [&] {
    fs::create_directories(folder_);
    write_file_atomically(row_file(step), text);
  });
  const auto point = count_point(answers, questions_, baseline_.record.target.is_right);
  if (group_.is_root())
    log::info(concat("Step ", step, ": ", point.forgotten, " of ", point.forget_known, " known forget answers are gone, ",
                     point.destroyed_held_out, " of ", point.held_out_known, " held-out retain answers"));
  rows_[step] = {std::move(answers), seconds};
}

/// Rows that an earlier job has written; its checkpoint is of a later step.
void Trajectory::read_rows_before(std::int64_t step) {
  for (const auto earlier : steps_) {
    if (earlier >= step) break;
    if (rows_.contains(earlier)) continue;
    std::string text;
    on_root(group_, [&] { text = read_file(row_file(earlier)); });
    text = group_.broadcast(text, 0);
    fail_together(group_, [&] {
      try {
        const auto json = parse_json(text, row_file(earlier).string());
        auto& row = rows_[earlier];
        json.at(0).get_to(row.answers.is_right);
        json.at(1).get_to(row.answers.gold_log_probability);
        json.at(2).get_to(row.answers.extraction_strength);
        json.at(3).get_to(row.seconds);
        UNPACT_VALIDATE(row.answers.is_right.size() == questions_.split.size(),
                        concat(row_file(earlier).string(), " is of other questions"), "something else wrote it",
                        "remove its folder and the one beside it without .points: the training begins anew");
      } catch (const Json::exception& error) {
        throw UserError(concat("cannot read ", row_file(earlier).string()), error.what(),
                        "remove its folder and the one beside it without .points: the training begins anew");
      }
    });
    if (fs::exists(weights_folder(earlier))) kept_step_ = earlier;
  }
}

ChosenPoint Trajectory::chosen_so_far() const {
  std::vector<PointCounts> counts;
  for (const auto& [step, row] : rows_) {
    counts.push_back(roles_.empty() ? PointCounts() : count_choosing(row.answers.is_right, questions_, roles_));
    counts.back().step = step;
  }
  return choose_point(counts, configuration_.unlearn, bounds_);
}

/// Those of the point that would be chosen if the training ended here, and all that somebody wants to keep.
void Trajectory::keep_weights(std::int64_t step, const GiveWeights& give) {
  const auto& c = configuration_;
  const bool is_last = step == steps_.back();
  const bool is_chosen = !is_last && c.unlearn.select != PointRule::last && chosen_so_far().index + 1 == rows_.size();
  if (!is_chosen && !c.unlearn.keep_points) return;
  const auto& target = baseline_.target;
  const auto& config = target.transformer.config();
  auto weights = give({.keeper = 0});
  on_root(group_, [&] {
    if (is_chosen) {
      remove_folder(weights_folder(step));
      save_checkpoint(weights_folder(step), config, weights, *target.tokenizer, {.dtype = at::kFloat});
      if (kept_step_ > 0 && kept_step_ != step) remove_folder(weights_folder(kept_step_));
    }
    if (!c.unlearn.keep_points) return;
    const auto kept = kept_models_ / concat(cell_id(c), ".step", step);
    remove_folder(kept);
    LanguageModel model{Transformer(config, std::move(weights)), target.tokenizer, target.prompt_template, {}};
    model.stored = target.stored;
    save_unlearned(kept, model, c, checksums_of(baseline_.dataset_checksum, target).model);
  });
  if (is_chosen) kept_step_ = step;
}

TrajectoryRecord Trajectory::record() {
  read_rows_before(steps_.back() + 1);
  TrajectoryRecord record;
  for (const auto& [step, row] : rows_) {
    auto& point = record.points.emplace_back(count_point(row.answers, questions_, baseline_.record.target.is_right));
    point.step = step;
    point.epoch = static_cast<double>(step) / steps_an_epoch_;
    point.seconds = row.seconds;
    const auto append = [](auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    append(record.is_right, row.answers.is_right);
    append(record.gold_log_probability, row.answers.gold_log_probability);
    append(record.extraction_strength, row.answers.extraction_strength);
  }
  const auto chosen = chosen_so_far();
  record.role = roles_;
  record.rule = name_of_value(configuration_.unlearn.select);
  record.why = chosen.why;
  record.selected = record.points[chosen.index].step;
  if (record.selected != steps_.back())
    UNPACT_VALIDATE(record.selected == kept_step_,
                    concat("the weights of step ", record.selected, " are not in ", folder_.string()),
                    "the rule chooses it, and something has removed them",
                    "start the same command again with an empty folder of trainings");
  return record;
}

std::optional<fs::path> Trajectory::chosen_folder() const {
  const auto chosen = chosen_so_far();
  if (chosen.index + 1 == rows_.size()) return std::nullopt;
  return weights_folder(kept_step_);
}

fs::path Trajectory::row_file(std::int64_t step) const { return folder_ / concat("step-", step, ".json"); }
fs::path Trajectory::weights_folder(std::int64_t step) const { return folder_ / concat("chosen-", step); }

}  // namespace unpact
