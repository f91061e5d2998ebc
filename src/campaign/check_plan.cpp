#include "unpact/campaign/check_plan.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "findings.hpp"
#include "require_room.hpp"
#include "retrained_results.hpp"
#include "unpact/campaign/cell.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/floor_model.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "relearning.hpp"
#include "trajectory.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/stage_shapes.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_survey.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/evaluation/check_questions.hpp"
#include "unpact/evaluation/fit_questions.hpp"
#include "unpact/evaluation/measure_metrics.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/train/stage_memory.hpp"

namespace unpact {
namespace {

constexpr std::size_t kMostFaults = 5;  // of one checkpoint

/// What a pair's cells share, as far as it could be opened.
struct Opened {
  std::optional<Dataset> dataset;
  std::optional<ModelConfig> config;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null also where one is trained first
  std::int64_t asked = 0, questions = 0;       ///< tokens of the longest prompt with its answer, and how many there are
  std::int64_t finetuned = 0;                  ///< tokens of the longest example that makes the target
  std::int64_t relearned = 1;                  ///< and of the longest one that the probe relearn teaches
  std::vector<AskedQuestion> put;              ///< the questions
};

/// Of what a method learns from.
struct ExampleSizes {
  std::int64_t longest = 0;  ///< tokens
  std::int64_t forget = 0;   ///< examples of the forget set
};

void check_weights(const std::filesystem::path& folder, const ModelConfig& config) {
  auto faults = survey_weights(folder, &config, /*read_values=*/false).problems;
  if (const auto count = faults.size(); count > kMostFaults) {
    faults.resize(kMostFaults);
    faults.push_back(concat("and ", count - kMostFaults, " more"));
  }
  UNPACT_VALIDATE(faults.empty(), concat("the weights in ", folder.string(), " cannot be used"), join(faults, "; "),
                  "fetch the checkpoint again");
}

std::int64_t longest_of(const std::vector<Example>& examples) {
  std::size_t longest = 1;
  for (const auto& example : examples) longest = std::max(longest, example.ids.size());
  return static_cast<std::int64_t>(longest);
}

/// Ranks may have unequal memory.
void agree_on_replica(const Communicator& world, Configuration& c) {
  const bool is_sharded_anywhere = world.max(std::int64_t{c.model.replica == Replica::sharded}) != 0;
  if (is_sharded_anywhere) c.model.replica = Replica::sharded;
}

class PlanCheck {
 public:
  PlanCheck(const Session& session, int ranks_per_cell, std::size_t pairs, const PlanScope& scope)
      : session_(session), scope_(scope), ranks_per_cell_(ranks_per_cell),
        ranks_of_target_(static_cast<int>(ranks_of_target(pairs, ranks_per_cell, session.world().size()))),
        node_(session.world().split_by_node().size()) {}

  void look_at(Pair& pair) {
    const auto& c = pair.configuration;
    const auto where = concat("model ", c.model.name, " x dataset ", c.dataset.name);
    Opened opened;
    findings_.note(where, [&] {
      opened.dataset = load_dataset(c.dataset);
      check_questions(c.judge, *opened.dataset, static_cast<std::size_t>(c.dataset.limit));
      check_written_attempts(c.probe, *opened.dataset, static_cast<std::size_t>(c.dataset.limit));
      check_relearning(c, *opened.dataset);
      chosen_metrics(c.metric, {*opened.dataset, !judge_row(c.judge).wants_letters});
    });
    findings_.note(where, [&] { open_model(c.model, opened); });
    if (!findings_.note(where, [&] { check_judge_model(c); })) return;       // memory cannot be planned without its model
    if (opened.config) findings_.note(where, [&] { pin_dtypes_of(pair); });  // before memory is planned
    if (opened.dataset && opened.config && opened.tokenizer) {
      findings_.note(where, [&] { check_asking(c, opened); });
      if (makes_target(c.model)) findings_.note(where, [&] { check_finetuning(c, opened); });
    }
    if (opened.config) {
      choose_replicas(pair, opened);
      check_pair_memory(where, c, opened);
    }
    std::map<std::string, ExampleSizes> known;
    for (const auto& cell : pair.cells) look_at_cell(cell, where, opened, known);
    pin(opened, pair);
    summary_.pairs += 1;
    summary_.cells += pair.cells.size();
  }

  const Findings& findings() const { return findings_; }
  const PlanSummary& summary() const { return summary_; }

 private:
  /// What is loaded later must be what was looked at here.
  static void pin(const Opened& opened, Pair& pair) {
    auto& c = pair.configuration;
    if (opened.dataset) c.dataset.checksum = dataset_checksum(*opened.dataset);
    if (opened.config && !makes_target(c.model) && c.model.config_checksum.empty())
      c.model.config_checksum = config_checksum(*opened.config);
  }

  void pin(Configuration& c) const {
    if (scope_.planned_capability) pin_dtypes(c, c10::Device(c10::kCUDA, 0), *scope_.planned_capability);
    else pin_dtypes(c, session_.device());
  }

  /// All models of a pair are asked in one dtype.
  void pin_dtypes_of(Pair& pair) const {
    const auto asked = pair.configuration.model.dtype;
    pin(pair.configuration);
    for (auto& cell : pair.cells) {
      UNPACT_VALIDATE(
          cell.model.dtype == asked, concat("option 'model.dtype' is '", name_of_value(cell.model.dtype), "'"),
          concat("cell ", cell_id(cell), " says it for itself, and its target's answers are in ", name_of_value(asked)),
          "say it for the model or the whole campaign");
      cell.model.dtype = pair.configuration.model.dtype;
      pin(cell);
    }
  }

  void open_model(const ModelOptions& model, Opened& opened) const {
    if (!model.path.empty()) {
      require_one_model(model.path);
      opened.config = read_model_config(model.path);
      opened.tokenizer = load_tokenizer(model.path);
      check_vocabulary(*opened.config, *opened.tokenizer, model.path);
      if (!scope_.weights_may_miss || has_weights(model.path)) check_weights(model.path, *opened.config);
      return;
    }
    if (!model.tokenizer.empty()) opened.tokenizer = load_tokenizer(model.tokenizer);
    opened.config = starting_config(model, opened.tokenizer.get());
  }

  static void check_asking(const Configuration& c, Opened& opened) {
    auto questions = ask_questions(*opened.dataset, *opened.tokenizer, c.prompt.resolve(),
                                   static_cast<std::size_t>(c.prompt.examples), static_cast<std::size_t>(c.dataset.limit));
    fit_questions(questions, *opened.config, c.longest_answer(), c.dataset.skip_long);
    check_questions(c.judge, *opened.config, questions);
    make_attribution_method(c.attribution.method, c.attribution.settings, c.run.seed, *opened.tokenizer);
    for (const auto& question : questions) {
      check_sequence(*opened.config, question.prompt.ids, 0);
      opened.asked = std::max(opened.asked, static_cast<std::int64_t>(tokens_of(question, c.longest_answer())));
    }
    opened.questions = static_cast<std::int64_t>(questions.size());
    if (relearns(c.probe))
      opened.relearned = longest_of(relearn_examples(relearn_set(c, *opened.dataset), *opened.tokenizer, c.prompt.resolve(),
                                                     context_limit(c, *opened.config)));
    const MetricTask task{*opened.dataset, questions, c.evaluation_options()};
    const auto metrics = metric_work(task, *opened.config, *opened.tokenizer, c.prompt.resolve());
    opened.asked = std::max(opened.asked, longest_sequence(metrics));
    opened.put = std::move(questions);
  }

  static void check_finetuning(const Configuration& c, Opened& opened) {
    opened.finetuned = longest_of(
        finetune_examples(c, *opened.dataset, *opened.tokenizer, c.prompt.resolve(), context_limit(c, *opened.config)));
  }

  void look_at_cell(const Configuration& c, const std::string& pair, const Opened& opened,
                    std::map<std::string, ExampleSizes>& known) {
    const auto where = concat(pair, ", cell ", cell_id(c), " (method ", name_of(c.method), ")");
    const bool fits = opened.config && findings_.note(where, [&] { weights_trained_by(c.method, *opened.config); });
    ExampleSizes sizes;
    if (opened.dataset) findings_.note(where, [&] { sizes = check_data(c, opened, known); });
    if (sizes.forget > 0) findings_.note(where, [&] { check_trajectory(c, opened.put, sizes.forget); });
    if (fits) check_cell_memory(where, c, opened, sizes.longest);
  }

  /// @return nothing where no tokenizer is there to tell.
  static ExampleSizes check_data(const Configuration& c, const Opened& opened, std::map<std::string, ExampleSizes>& known) {
    check_sets(c.unlearn, *opened.dataset);
    if (!opened.tokenizer || !opened.config) return {};
    const auto key = data_key(c);
    if (const auto found = known.find(key); found != known.end()) return found->second;
    const auto data =
        unlearn_data(c, *opened.dataset, *opened.tokenizer, c.prompt.resolve(), context_limit(c, *opened.config));
    return known[key] = {std::max(longest_of(*data.forget), longest_of(*data.retain)),
                         static_cast<std::int64_t>(data.forget->size())};
  }

  /// What a rank holds of the models that it asks, by the memory of this machine.
  void choose_replicas(Pair& pair, const Opened& opened) const {
    if (scope_.planned_capability) return;
    const auto choose = [&](Configuration& c, int ranks, const ScoringShape& shape) {
      c.model.replica = shards_to_ask(c, *opened.config, shape, ranks, free_bytes()) > 1 ? Replica::sharded : Replica::whole;
    };
    auto of_target = scoring_of(pair.configuration, opened);
    of_target.models = 1;
    choose(pair.configuration, session_.world().size(), of_target);
    for (auto& cell : pair.cells) choose(cell, ranks_per_cell_, scoring_of(cell, opened));
  }

  double free_bytes() const {
    const auto& device = session_.device();
    return static_cast<double>(available_memory(device)) / (device.is_cpu() ? node_ : 1);
  }

  /// The stages that a cell has for itself.
  void check_cell_memory(const std::string& where, const Configuration& c, const Opened& opened, std::int64_t longest) {
    const auto& config = *opened.config;
    auto scoring = scoring_of(c, opened);
    scoring = cut(c, scoring, shards_to_ask(c, config, scoring, ranks_per_cell_, 0));
    const auto training =
        unlearning_shape(c, config, ranks_per_cell_, std::max<std::int64_t>(longest, 1), session_.device());
    auto stages = cell_stages(config, scoring, training);
    if (!c.unlearn.save_points.empty()) stages.push_back(looking_stage(stages));
    if (relearns(c.probe))
      stages.push_back(relearning_stage(c, config, scoring, ranks_per_cell_, opened.relearned, session_.device()));
    check_stages(where, stages, cell_id(c));
  }

  /// The stages that a pair's cells share.
  void check_pair_memory(const std::string& where, const Configuration& c, const Opened& opened) {
    const auto longest = std::max<std::int64_t>(opened.finetuned, 1);
    const auto making = finetuning_shape(c, ranks_of_target_, longest, session_.device());
    auto scoring = scoring_of(c, opened);
    scoring = cut(c, scoring, shards_to_ask(c, *opened.config, scoring, ranks_of_target_, 0));
    auto stages = pair_stages(*opened.config, scoring, makes_target(c.model) ? &making : nullptr);
    if (relearns(c.probe) && c.probe.arms)
      stages.push_back(relearning_stage(c, *opened.config, scoring, ranks_of_target_, opened.relearned, session_.device()));
    check_stages(where, stages, concat(c.model.name, " x ", c.dataset.name));
  }

  static ScoringShape scoring_of(const Configuration& c, const Opened& opened) {
    const auto dtype =
        c.model.dtype == ModelDtype::automatic ? at::kFloat : weights_dtype(c.model.dtype);  // refused already
    return scoring_shape(c, static_cast<double>(c10::elementSize(dtype)), opened.asked, opened.questions);
  }

  /// Notes every stage that does not fit.
  void check_stages(const std::string& where, const std::vector<StageMemory>& stages, const std::string& whose) {
    if (scope_.planned_capability) return;  // another machine's memory
    const bool is_cpu = session_.device().is_cpu();
    const auto free = free_bytes();
    const auto host_free = static_cast<double>(available_memory(at::kCPU)) / node_;
    for (const auto& stage : stages) {
      const double needed = stage.bytes + (is_cpu ? stage.host_bytes : 0);
      if (needed > summary_.most_bytes) {
        summary_.most_bytes = needed;
        summary_.neediest = concat(whose, ", ", stage.stage);
      }
      summary_.more_bytes = std::max(summary_.more_bytes, stage.more);
      findings_.note(where, [&] {
        require_room(stage.stage, "memory", needed, free);
        if (!is_cpu) require_room(stage.stage, "host's memory", stage.host_bytes, host_free);
      });
    }
  }

  const Session& session_;
  PlanScope scope_;
  int ranks_per_cell_, ranks_of_target_, node_;  ///< ranks of a cell, of a target, of a node
  Findings findings_;
  PlanSummary summary_;
};

}  // namespace

std::string PlanSummary::text() const {
  const auto memory = most_bytes > 0 ? concat("; a rank needs up to ", gibibytes(most_bytes), " (", neediest, ")") : "";
  const auto more = more_bytes > 0 ? concat(", and where it is free up to ", gibibytes(more_bytes),
                                            " more for keys and values of answers that run together")
                                   : "";
  return concat("The plan holds: ", pairs, " pair(s) of a model and a dataset, ", cells, " cell(s)", memory, more);
}

PlanSummary check_plan(const Session& session, int ranks_per_cell, std::vector<Pair>& plan, const PlanScope& scope) {
  PlanCheck check(session, ranks_per_cell, plan.size(), scope);
  for (auto& pair : plan) check.look_at(pair);
  check.findings().refuse(session.world(), "the campaign's plan");
  for (auto& pair : plan) {
    agree_on_replica(session.world(), pair.configuration);
    for (auto& cell : pair.cells) agree_on_replica(session.world(), cell);
    for (auto& cell : pair.cells) pin_method_file(session.world(), cell);
    for (auto& cell : pair.cells) pin_retrained(session.world(), cell);
    pin_relearn_file(session.world(), pair.configuration);
    for (auto& cell : pair.cells) pin_forget_sets(session.world(), cell.dataset.path, cell.unlearn);
    if (!scope.planned_capability) pin_floor_model(session.world(), pair.configuration);
    if (!scope.planned_capability) pin_judge_model(session.world(), pair.configuration);
    for (auto& cell : pair.cells) {
      cell.judge.passages_checksum = pair.configuration.judge.passages_checksum;
      cell.campaign.floor_checksum = pair.configuration.campaign.floor_checksum;
      cell.probe.relearn.file_checksum = pair.configuration.probe.relearn.file_checksum;
      cell.judge.model_checksum = pair.configuration.judge.model_checksum;
    }
  }
  return check.summary();
}

}  // namespace unpact
