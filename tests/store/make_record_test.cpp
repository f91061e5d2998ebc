/// The generated records that the other tests of this layer use.
#include "store/cell_support.hpp"
#include "unpact/core/text.hpp"

namespace unpact::test {
namespace {

void add_contributions(ContributionRecord& to, Numbers& numbers, const RecordShape& shape, std::size_t candidates) {
  const std::size_t tokens = numbers.below(shape.answer_tokens + 1);
  std::vector<std::int32_t> ids(tokens);
  std::vector<float> matrix(shape.attributed ? (candidates + 1) * tokens : 0), contributions(candidates);
  std::vector<std::uint8_t> flags(candidates);
  for (auto& id : ids) id = static_cast<std::int32_t>(numbers.below(32000));
  for (auto& value : matrix) value = -static_cast<float>(std::abs(numbers.normal()));
  for (auto& value : contributions) value = static_cast<float>(numbers.normal());
  for (std::size_t i = 0; i < candidates; ++i) flags[i] = contributions[i] > 0.24F;
  to.answer_ids.add(ids);
  to.mean_log_probability.push_back(shape.attributed ? numbers.normal() : kNan);
  to.completeness_error.push_back(kNan);
  to.surrogate_r2.push_back(shape.attributed ? numbers.uniform() : kNan);
  if (!shape.attributed) return;
  to.log_probabilities.add(matrix);
  to.end_log_probabilities.add(std::vector<float>(tokens == 0 ? 0 : candidates + 1, -0.25F));
  to.contributions.add(contributions);
  to.is_key_token.add(flags);
  for (auto& flag : flags) flag = numbers.below(2) == 0;
  to.is_uncertain.add(flags);
  for (auto& value : contributions) value = static_cast<float>(numbers.uniform());
  to.standard_errors.add(numbers.below(2) == 0 ? contributions : std::vector<float>());
}

void add_question(CellRecord& cell, Numbers& numbers, const RecordShape& shape, std::size_t q) {
  auto& questions = cell.questions;
  const bool retain = q >= (shape.questions + 1) / 2;
  const std::size_t candidates = q == 1 ? 0 : numbers.below(shape.candidates + 1),
                    tokens = candidates == 0 ? 0 : candidates + 2;
  std::vector<std::int32_t> ids(tokens);
  std::vector<std::uint8_t> flags(tokens, 1);
  for (auto& id : ids) id = static_cast<std::int32_t>(numbers.below(32000));
  if (tokens > 0) flags[0] = flags[tokens - 1] = 0;
  for (std::size_t i = 0; i < tokens; ++i) questions.pieces.push_back(numbers.text(1));
  questions.split.push_back(retain);
  questions.question.push_back(numbers.text(9));
  questions.gold_answer.push_back(numbers.text(3));
  questions.prompt.push_back(numbers.text(30));
  questions.token_ids.add(ids);
  questions.is_candidate.add(flags);
  const auto forget_class = static_cast<std::uint8_t>(shape.with_forgotten ? numbers.below(3) : numbers.below(2));
  cell.outcome.push_back(retain ? static_cast<std::uint8_t>(3 + numbers.below(2)) : forget_class);
  cell.focus_shift.set_cosine.push_back(q % 3 == 0 ? kNan : numbers.uniform());
  cell.focus_shift.contribution_cosine.push_back(q % 4 == 0 ? kNan : numbers.uniform());
  for (auto* model : {&cell.target, &cell.unlearned}) {
    model->answer.push_back(numbers.text(4));
    model->score.push_back(numbers.uniform());
    model->is_right.push_back(static_cast<std::uint8_t>(numbers.below(2)));
    add_contributions(model->gold, numbers, shape, candidates);
    add_contributions(model->own, numbers, shape, candidates);
  }
}

ProbeRecord make_probe(const CellRecord& cell, const std::string& name, std::size_t attempts, Numbers& numbers) {
  ProbeRecord probe;
  probe.name = name;
  probe.label = name + " for people é";
  probe.kind = attempts == 2 ? ProbeKind::baseline : ProbeKind::probe;
  for (std::size_t i = 0; i < attempts; ++i) {
    probe.attempt_labels.push_back(concat("attempt ", i, " é"));
    probe.trained.push_back(i >= 2);
  }
  for (std::size_t q = 0; q < cell.outcome.size(); ++q)
    if (cell.outcome[q] == static_cast<std::uint8_t>(Outcome::forgotten)) probe.question.push_back(q);
  for (std::size_t i = 0; i < probe.question.size(); ++i) probe.asked.push_back(static_cast<std::uint8_t>(numbers.below(3)));
  for (std::size_t i = 0; i < attempts * probe.question.size(); ++i) {
    probe.answer.push_back(numbers.text(3));
    probe.score.push_back(numbers.uniform());
    probe.is_right.push_back(static_cast<std::uint8_t>(numbers.below(2)));
  }
  return probe;
}

Provenance make_provenance() {
  return {"2026-01-31T12:00:00Z",
          "2026-01-31T13:00:00Z",
          "[model]\nname = ünï\n",
          41,
          4,
          2,
          {"cpu 0", "cpu 1"},
          std::string(64, 'a'),
          std::string(64, 'b'),
          {{"torch", "2.11"}, {"mpi", "4.1"}},
          {"host n1, job 4711, task 0", "host n2, job 4711, task 1"},
          {{"SLURM_JOB_ID", "4711"}, {"OMPI_MCA_btl", "self,tcp"}}};
}

/// What the file keeps of a step; the last one has no retain term.
StepReport make_step(int number) {
  StepReport step;
  step.step = number;
  step.loss = 1.0 / number;
  step.term_losses = number < 5 ? std::vector<double>{-0.5, 0.25} : std::vector<double>{-0.5};
  step.gradient_norm = 3.5;
  step.term_norms = number < 5 ? std::vector<double>{12.5, 0.75} : std::vector<double>{};
  step.learning_rate = 1e-5;
  step.targets = 128;
  return step;
}

}  // namespace

CellRecord make_record(const RecordShape& shape) {
  Numbers numbers(shape.seed);
  CellRecord cell;
  cell.id = "toy-news-npo-0";
  cell.model = "toy";
  cell.dataset = "news";
  cell.method = "npo";
  cell.provenance = make_provenance();
  for (std::size_t q = 0; q < shape.questions; ++q) add_question(cell, numbers, shape, q);
  for (std::size_t q = 0; q < shape.questions; ++q) {
    cell.questions.half.push_back(static_cast<std::uint8_t>(q % 3));
    cell.knowledge.state.push_back(static_cast<std::uint8_t>(q % 5));
  }
  cell.knowledge.probes = {"focus_on_key", "probab"};
  cell.knowledge.attempts = 3;
  cell.halves = "2 questions train, 3 are held out";
  cell.probes = {make_probe(cell, "focus_on_key", 3, numbers), make_probe(cell, "probab", 2, numbers)};
  cell.rates = {{"recovery_focus_on_key", 1, 2, 0.5, 0.1, 0.9}, {"destruction", 0, 0, kNan, kNan, kNan}};
  for (int step = 1; step <= 5; ++step) cell.training.push_back(make_step(step));
  cell.work = {{{1000, 1000, 10, 100}, "unlearn", 12.5, kNan}, {{5000, 90000, 40, 700}, "attribute", 2.5, 3.5e9}};
  if (shape.questions > 2) cell.verification = {{"target", 3, 2.5e-6, 1, 18, 2}, {"unlearned", 2, 0, 0, 12, 0}};
  cell.metrics.rows = {{"min_k_forget", "Min-K %", "forgotten", 3, 2.5, 2, 3, 1.5, 1, 2},
                       {"privleak", "PrivLeak é", "forgotten", 6, -99.5, kNan, kNan, kNan, kNan, kNan}};
  for (auto* items : {&cell.metrics.target_items, &cell.metrics.unlearned_items}) {
    items->add({numbers.uniform(), numbers.uniform(), numbers.uniform()});
    items->add({});
  }
  cell.curves = {{"relearn", "unlearned", 5, 2, 4, 1.5}, {"relearn", "floor", 5, 0, 4, kNan}};
  if (shape.questions > 1) {  // the unlearned model's states were not exchanged; no question has a KeyToken in both blocks
    cell.depth = {{1, 0}, 2, {-0.5, -0.25}, {{numbers.uniform(), 0.5, -1, 2}, {kNan, kNan, 0.25, 1}, {1, 2, 3, 4}}, {}};
  }
  const auto count = cell.questions.split.size();
  cell.trajectory.points.resize(2);
  cell.trajectory.points[0] = {
      .step = 5, .epoch = 0.5, .forget_right = 2, .forget_asked = 3, .forgotten = 1, .forget_known = 2};
  cell.trajectory.points[1] = {
      .step = 10, .epoch = 1, .retain_held_out_right = 1, .retain_held_out_asked = 2, .seconds = 0.25};
  for (std::size_t i = 0; i < 2 * count; ++i) {
    cell.trajectory.is_right.push_back(static_cast<std::uint8_t>(numbers.below(2)));
    cell.trajectory.gold_log_probability.push_back(-numbers.uniform());
    cell.trajectory.extraction_strength.push_back(numbers.uniform());
  }
  cell.trajectory.role.assign(count, 2);
  cell.trajectory.rule = "best_at_utility";
  cell.trajectory.why = "für die Probe";
  cell.trajectory.selected = 5;
  cell.mix = {{{0, 3, 9, 1, 4}, {0.5, 8, 9, 2, 4}}, 0.5, 0.95, 9};
  cell.judge_check = {{"rouge_l_recall", 40, 30, 200, 20, 0.5, 0}, {"local_model", 20, 3, 100, 7, 0.75, 120}};
  cell.attribution_method = "shapley";
  cell.attribution_settings = {{"permutations", "32"}};
  cell.alpha = 0.22;
  cell.beta = 0.24;
  cell.compute_dtype = "bf16";
  cell.noise_floor = 1e-6;
  cell.judge = "rouge_l_recall >= 0.5";
  return cell;
}

TEST(MakeRecord, DependsOnTheSeedAlone) {
  expect_equal(make_record({}), make_record({}));
  EXPECT_NE(make_record({.seed = 8}).questions.prompt, make_record({}).questions.prompt);
}

}  // namespace unpact::test
