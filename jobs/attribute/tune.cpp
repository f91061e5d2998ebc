// The KeyToken threshold search of the job `attribute --tune`.
#include <algorithm>
#include <cstdio>

#include "jobs/attribute/tune.hpp"
#include "jobs/job_table.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/evaluation/attribute_questions.hpp"
#include "unpact/evaluation/fit_questions.hpp"
#include "unpact/evaluation/threshold_search.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/store/tuning_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

bool is_labelled(const QuestionAnswer& pair) { return !pair.keys.empty(); }

std::string objective_of(const Configuration& c, const Dataset& dataset) {
  const auto& all = dataset.focus_questions;
  const bool labels = std::any_of(all.begin(), all.end(), is_labelled);
  const auto objective = c.attribution.tune_objective;
  if (objective == TuneObjective::automatic) return labels ? "labels" : "effect";
  UNPACT_VALIDATE(objective != TuneObjective::labels || labels, "option 'attribution.tune_objective' is 'labels'",
                  "the dataset has no questions with key words", "use effect");
  return name_of_value(objective);
}

/// The questions that the objective is about: labelled ones, or all of the forget and retain sets.
std::vector<AskedQuestion> questions_of(const std::string& objective, const Configuration& c, Dataset dataset,
                                        const LanguageModel& model) {
  if (objective == "labels") {
    dataset.forget_questions.clear();
    std::copy_if(dataset.focus_questions.begin(), dataset.focus_questions.end(),
                 std::back_inserter(dataset.forget_questions), is_labelled);
    dataset.retain_questions.clear();
    dataset.retain_examples = dataset.forget_examples;
  }
  auto questions = ask_questions(dataset, *model.tokenizer, model.prompt_template,
                                 static_cast<std::size_t>(c.prompt.examples), static_cast<std::size_t>(c.dataset.limit));
  fit_questions(questions, model.transformer.config(), c.longest_answer(), c.dataset.skip_long);
  return questions;
}

std::vector<ThresholdPrompt> measure(const Session& session, const LanguageModel& model, const AttributionMethod& method,
                                     const std::vector<AskedQuestion>& questions, const std::string& objective,
                                     const Configuration& c) {
  std::vector<std::vector<TokenId>> gold;
  for (const auto& asked : questions) gold.push_back(asked.gold_answer);
  const auto results =
      attribute_answers(session.world(), model.transformer, method, questions, gold, "contributions to gold answers");
  std::vector<ThresholdPrompt> prompts(questions.size());
  for (std::size_t q = 0; q < questions.size(); ++q) {
    prompts[q].contributions = results[q].values;
    if (objective == "labels") prompts[q].is_labelled = label_candidates(questions[q]);
  }
  if (objective == "labels") return prompts;
  const auto asked_budget = c.attribution.settings.token_budget;
  const auto budget = static_cast<std::size_t>(asked_budget == 0 ? 4096 : asked_budget);
  auto scored = share_work(session.world(), questions.size(), 1, [&](std::size_t first, std::size_t last) {
    std::vector<std::vector<double>> scores;
    for (auto q = first; q < last; ++q) {
      leave_where_stop_is_wanted("the search of thresholds");
      const auto& prompt = questions[q].prompt;
      const AttributionTask task{prompt.ids, prompt.candidate_begin, prompt.candidate_end, gold[q]};
      scores.push_back(score_without_largest(model.transformer, task, prompts[q].contributions, budget));
    }
    return scores;
  });
  for (std::size_t q = 0; q < questions.size(); ++q) prompts[q].without_largest = std::move(scored[q]);
  return prompts;
}

/// The best point with its neighbours, as a table of the tuned half's objective.
std::string neighbours_table(const ThresholdGrid& grid) {
  const auto columns = grid.betas.size(), row = grid.best / columns, column = grid.best % columns;
  const auto first_row = row >= 2 ? row - 2 : 0, first_column = column >= 2 ? column - 2 : 0;
  const auto last_row = std::min(grid.alphas.size(), row + 3), last_column = std::min(columns, column + 3);
  char text[64];
  std::string table = "  alpha \\ beta";
  for (auto c = first_column; c < last_column; ++c) {
    std::snprintf(text, sizeof text, "%9.3f", grid.betas[c]);
    table += text;
  }
  for (auto r = first_row; r < last_row; ++r) {
    std::snprintf(text, sizeof text, "\n  %12.3f", grid.alphas[r]);
    table += text;
    for (auto c = first_column; c < last_column; ++c) {
      std::snprintf(text, sizeof text, "%8.4f%c", grid.tuned[r * columns + c].objective,
                    r == row && c == column ? '*' : ' ');
      table += text;
    }
  }
  return table;
}

std::string point_text(const ThresholdGrid& grid, std::size_t point) {
  const auto line = [&](const ThresholdScore& score) {
    char text[160];
    std::snprintf(text, sizeof text, "%.4f (%s %.4f, %s %.4f, %.2f KeyTokens a prompt, %llu without)", score.objective,
                  grid.objective == "labels" ? "precision" : "effect", score.first,
                  grid.objective == "labels" ? "recall" : "cost", score.second, score.key_tokens,
                  static_cast<unsigned long long>(score.without_key_tokens));
    return std::string(text);
  };
  return concat("alpha ", grid.alphas[point / grid.betas.size()], ", beta ", grid.betas[point % grid.betas.size()],
                "\n  tuned on ", grid.tuned_prompts, " prompts:    ", line(grid.tuned[point]), "\n  held out, ",
                grid.held_out_prompts, " prompts:   ", line(grid.held_out[point]));
}

/// The point of the configuration's own floors, if the grid has it.
std::string present_point(const ThresholdGrid& grid, const KeyTokenOptions& present) {
  for (std::size_t point = 0; point < grid.tuned.size(); ++point)
    if (grid.alphas[point / grid.betas.size()] == present.alpha && grid.betas[point % grid.betas.size()] == present.beta)
      return concat("\nFor comparison, as configured: ", point_text(grid, point));
  return "";
}

/// Where the grid comes from. One rank: it reads the model's weights for their checksum.
Provenance provenance_of_search(const Session& session, const Configuration& c, const LanguageModel& model,
                                const std::string& started) {
  Provenance p;
  p.resolved_configuration = to_ini(c);
  p.seed = static_cast<std::int64_t>(c.run.seed);
  p.world_size = session.world().size();
  p.devices = session.devices();
  p.started = started;
  p.library_versions = library_versions();
  p.model_checksum = model.checksums.weights;
  p.tokenizer_checksum = model.tokenizer->checksum();
  p.ended = utc_now();
  return p;
}

/// Writes the grid and says what was found. One rank.
void report_search(const Configuration& c, Provenance provenance, ThresholdGrid grid, double noise) {
  TuningRecord record;
  record.provenance = std::move(provenance);
  record.model = c.model.name;
  record.dataset = c.dataset.name;
  record.attribution_method = c.attribution.method;
  record.grid = std::move(grid);
  record.compute_dtype = name_of_value(c.model.dtype);
  record.noise_floor = noise;
  const auto file = fs::path(c.run.output) / "tuning.h5";
  write_tuning_file(file, record);
  log::info(concat("Best: ", point_text(record.grid, record.grid.best), "\nObjective around it (tuned half):\n",
                   neighbours_table(record.grid), present_point(record.grid, c.attribution.keys)));
  log::info(concat("Grid: ", file.string()));
}

}  // namespace

ExitCode tune_thresholds(const Session& session, const Configuration& c) {
  const auto alphas = read_grid_axis(c.attribution.tune_alphas, "attribution.tune_alphas");
  const auto betas = read_grid_axis(c.attribution.tune_betas, "attribution.tune_betas");
  require_token_removal(c, "attribute --tune");
  for (const double alpha : alphas) check_key_token_options({alpha, betas.front()});
  const auto started = utc_now();
  const auto dataset = load_dataset(c.dataset);
  const auto model = prepare_model(session, c, dataset, fs::path(c.run.output) / "models" / "tuned");
  const auto objective = objective_of(c, dataset);
  const auto questions = questions_of(objective, c, dataset, model);
  log::info(concat("Searching ", alphas.size(), " x ", betas.size(), " thresholds over ", questions.size(),
                   " questions, objective '", objective, "'"));
  const auto method = make_attribution_method(c.attribution.method, c.attribution.settings, c.run.seed, *model.tokenizer);
  method->check_model(model.transformer);
  const kernels::Tf32Products products(c.model.dtype == ModelDtype::tf32);
  const double noise = noise_floor_of(model.transformer, *method, questions);
  auto grid =
      search_thresholds(measure(session, model, *method, questions, objective, c), objective, alphas, betas, 2 * noise);
  if (session.is_root()) report_search(c, provenance_of_search(session, c, model, started), std::move(grid), noise);
  session.world().barrier();
  return ExitCode::done;
}

}  // namespace unpact
