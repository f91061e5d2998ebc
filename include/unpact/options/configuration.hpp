#pragma once
/// Everything that can be configured, in one place: one struct a section, read from the command line and INI files.
///
/// Precedence: command line, then the --config file, then the choices it names, then the defaults below. Choices are files
/// (method.use, dataset.use, model.use: configs/models/NAME.ini and so on) or sections [choice.models.NAME] of the --config
/// file; what only one model on one dataset has is a section [pair MODEL DATASET] or a file
/// configs/pairs/MODEL__DATASET.ini. The method's choice wins over the pair's, that over the dataset's, that over the
/// model's. Learning rate, schedule, epochs, steps and batch size of [unlearn] are looked for once more: what a method says
/// for itself (method.learning_rate ...) beats the [unlearn] of files, and the command line beats both.
///
/// An option is a field here and a row of the table (option_table.hpp), which says everything else about it.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "unpact/comm/device.hpp"
#include "unpact/core/enumeration.hpp"
#include "unpact/core/stop.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/endpoint/endpoint_options.hpp"
#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/model/compute_dtype.hpp"
#include "unpact/model/quantization.hpp"
#include "unpact/text/prompt.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {

struct RunOptions {
  std::string output = "results/run";  ///< folder of everything that is written
  std::uint64_t seed = 0;
  DeviceChoice device = DeviceChoice::automatic;
  std::int64_t threads = 0;  ///< CPU threads a rank; 0: what OMP_NUM_THREADS or the machine gives
  bool dry_run = false;      ///< check, say what memory a training needs, and stop
  double time_limit = 0;     ///< minutes after which the program must have ended; 0: none but the batch system's
  StopSignal stop_signal = StopSignal::usr1;  ///< which signal asks to stop
};

/// What a rank holds of a model that answers.
enum class Replica {
  automatic,  ///< whole where it fits, else sharded
  whole,
  sharded,  ///< a piece (model/sharded_replica.hpp)
};
UNPACT_ENUMERATION(Replica, "auto", "whole", "sharded");

struct ModelOptions {
  std::string use;  ///< choice file
  std::string name = "model";
  std::string path;                          ///< Hugging Face folder to start from; empty: random weights of `config`
  std::string config;                        ///< folder of a config.json, for random weights
  std::string tokenizer;                     ///< folder of a tokenizer; empty: that of `path`, or one trained on the dataset
  std::int64_t vocabulary_size = 2000;       ///< of a tokenizer that is trained
  bool make_target = false;                  ///< fine-tune on the dataset first; what comes out is the target model
  std::string config_checksum;               ///< config_checksum() that the target must have; empty: any
  ModelDtype dtype = ModelDtype::automatic;  ///< of everything but trainings
  Replica replica = Replica::automatic;
  EndpointAddress endpoint;                 ///< where the model answers over HTTP; no url: in `path`
  AnsweringBits bits = AnsweringBits::all;  ///< of models that answer; no training takes any but all
};

/// A prompt template as configuration text, with escapes (\n, \s for a space at an end).
struct PromptOptions {
  std::string system, before_system, after_system;
  std::string before_question = "Question:\\s", after_question = "\\nAnswer:", answer_prefix = "\\s";
  std::string generation_prefix, between_examples = "\\n\\n";
  std::string thought_begin, thought_end;  ///< around the trace of a model that thinks; an empty end: it does not
  std::string stop = "\\n\\n | \\nQuestion | Question:";  ///< separated by |
  bool add_bos = true;
  std::int64_t examples = 0;  ///< in-context examples in front of each question
  PromptTemplate resolve() const;
};

struct FinetuneOptions {
  TrainOptions train;
  std::string sets = "forget, retain";  ///< what to learn: forget, retain or both
  std::string parts = "questions";      ///< of these sets: questions, texts, focus (the latter belongs to no set)
  LossOn loss_on = LossOn::answer;      ///< of questions
  Cutting chunks;                       ///< of texts, each set by itself
};

/// Which point of an unlearning a cell is about. Chosen on half of the forget questions and half of those retain questions that no
/// loss sees, by right answers there.
enum class PointRule {
  last,
  best_at_utility,    ///< of the points that keep enough retain answers, the one with the fewest forget answers
  first_below_floor,  ///< the first with no more forget answers than a model that was never taught
};
UNPACT_ENUMERATION(PointRule, "last", "best_at_utility", "first_below_floor");

/// Whether a cell's model is mixed with the target until it keeps enough (UWC, Wang et al., arXiv 2406.09179).
enum class MixRule { none, calibrate };
UNPACT_ENUMERATION(MixRule, "none", "calibrate");

struct UnlearnOptions {
  TrainOptions train;
  ExampleForm form = ExampleForm::questions;  ///< what is unlearned and kept
  LossOn loss_on = LossOn::answer;            ///< of questions
  Cutting chunks = {.length = 0};             ///< of texts; length 0: as long as finetune's
  Sampling retain_sampling = Sampling::epoch;
  std::int64_t phrased = 0;          ///< phrasings that name a question's KeyTokens in which it is trained, too
  std::string forget_sets;           ///< of the dataset, forgotten one after the other; empty: its forget set
  std::string forget_sets_checksum;  ///< of each set's texts, in the same order; empty: any
  std::string save_points;           ///< "20, 40" (steps) or "1e, 2e" (epochs); empty: none
  bool keep_points = false;          ///< their weights, too
  PointRule select = PointRule::last;
  double select_keep = 0.95;  ///< best_at_utility: share of the target's right answers
  MixRule mix = MixRule::none;
  double mix_keep = 0.95;
};

/// What a method says for itself instead of [unlearn]; -1 or empty: as in [unlearn]. Only ever on the way into a
/// configuration: apply_method_overrides() moves it to [unlearn].
struct MethodOverrides {
  double learning_rate = -1;
  std::int64_t epochs = -1, max_steps = -1, batch_size = -1;
  std::string schedule;
};

/// What a method says that is not swept.
inline constexpr const char* kNoSweep = "none";

/// How far a campaign goes: only targets and baselines, or all of it.
enum class CampaignStage { all, targets };
UNPACT_ENUMERATION(CampaignStage, "all", "targets");

struct CampaignOptions {
  std::string models, datasets, methods;  ///< comma-separated names of choice files; empty: the one in the sections
  std::string forget_sets;                ///< a dataset with each of them; empty: the dataset as it is
  std::string sequence;      ///< a cell after each of them is forgotten, one after the other; empty: the forget set at once
  std::string sweep;         ///< "method.retain_weight = 1, 4, 16; ...": a cell of each method with each value
  std::string method_sweep;  ///< what a method says instead; empty: the one above; kNoSweep: none
  std::string seeds = "0";
  std::int64_t ranks_per_cell = 1;
  bool retry_failed = false;  ///< cells that are recorded as failed
  double stale_after = 180;   ///< seconds without a sign of life after which another job's work is taken over
  CampaignStage stage = CampaignStage::all;
  std::string
      floor_model;  ///< folder of a model that was never taught the forget set; empty: the base of a made target, if any
  std::string floor_checksum;  ///< weights_checksum() that it must have; empty: any
  bool save_models = false;    ///< keep every unlearned model's weights
};

/// Known GPUs, whose memory and rates a table has (campaign/plan_gpus.hpp); automatic: h100 where the campaign runs on CUDA.
enum class GpuName { automatic, none, a100_40, a100_80, h100, h200, l40s, a6000, v100, rtx4090 };
UNPACT_ENUMERATION(GpuName, "auto", "none", "a100-40", "a100-80", "h100", "h200", "l40s", "a6000", "v100", "rtx4090");

/// The machine that reproduce --dry-run plans for. No result depends on it.
struct PlanOptions {
  GpuName gpu = GpuName::automatic;
  double gpu_memory = 0;  ///< GB (10^9 bytes) a GPU; 0: what the table says
  std::int64_t gpus = 8;  ///< of the allocation
  std::int64_t gpus_per_node = 8;
  double peak_tflops = 0;     ///< of a GPU, for everything; 0: what the table says for the dtype
  double train_share = 0.5;   ///< of the peak that training reaches
  double score_share = 0.33;  ///< the same of answers and attributions
  double margin = 0.3;        ///< on top of what is reckoned, for the request
  bool json = false;
};

struct AskOptions {
  std::string unlearned, prompt, answer, input;
  bool json = false;
};

struct EvaluateOptions {
  std::string unlearned;        ///< folder of the unlearned model to judge
  std::string checksum;         ///< weights_checksum() that it must have; empty: any
  std::string config_checksum;  ///< the same of what its config.json decides
};

struct InspectOptions {
  std::string what, path;  ///< positional: model | tokenizer | dataset | results | machine, and where it lies
  std::int64_t ranks = 1;  ///< model: how many ranks memory is asked for
  bool quick = false;      ///< model: do not read the weights' values
  bool json = false;       ///< model: one JSON object
  double watch = 0;        ///< results of a folder: seconds between two looks; 0: one look
};

/// The job `probe`.
struct ExportOptions {
  std::string file;           ///< where the lines go
  std::string results;        ///< a cell's file, whose answers are told, too; empty: the dataset alone
  std::string generator;      ///< folder of a model that writes attempts; empty: the lines wait for somebody else
  std::string instructions;   ///< what it is told, separated by |; empty: five built-in ones
  std::int64_t attempts = 5;  ///< of the generator on a question
};

struct StatusOptions {
  std::string path;   ///< positional: a campaign's folder
  double watch = 0;   ///< seconds between two looks; 0: one look
  bool json = false;  ///< one JSON object a look
};

struct Configuration {
  RunOptions run;
  ModelOptions model;
  EndpointOptions endpoint;
  PromptOptions prompt;
  DatasetOptions dataset;
  TrainExecution train;  ///< how trainings run
  FinetuneOptions finetune;
  UnlearnOptions unlearn;
  MethodOptions method;
  MethodOverrides method_overrides;
  std::string method_use;
  GenerationOptions generation;
  AttributionOptions attribution;
  JudgeOptions judge;
  ProbeOptions probe;
  MetricOptions metric;
  CampaignOptions campaign;
  PlanOptions plan;
  AskOptions ask;
  EvaluateOptions evaluate;
  InspectOptions inspect;
  StatusOptions status;
  ExportOptions exported;
  /// What evaluations are told, with the run's seed.
  EvaluationOptions evaluation_options() const;
  /// Tokens that a model's own answer may have.
  std::int64_t longest_answer() const;
  /// The [unlearn] options with the run's seed and [train].
  TrainOptions unlearn_training() const;
  /// How [unlearn] cuts texts.
  Cutting unlearn_chunks() const;
  /// The [finetune] options with the run's seed and [train].
  TrainOptions finetune_training() const;
};

/// One job's command line, kept so that a campaign can resolve it again for each cell.
class CommandLine {
 public:
  /// @param arguments without program and job names.
  CommandLine(std::string job, std::vector<std::string> arguments);

  /// The resolved configuration. @param forced options that win over everything (`key=value`): how a campaign sets
  /// model.use, dataset.use, method.use and run.seed of a cell.
  /// @throws UserError naming the key, the reason and a hint: unknown key, wrong type, missing file, contradiction.
  Configuration resolve(const std::vector<std::string>& forced = {}) const;

  /// The resolved configuration as INI text with absolute input paths, which says the same wherever it is stored. That
  /// of a campaign holds the choices that it names as sections [choice.models.NAME] and so on, and those of its pairs.
  std::string printed() const;

  bool wants_help() const;
  bool wants_configuration() const;  ///< --print-config
  const std::string& job() const { return job_; }

 private:
  std::string job_;
  std::vector<std::string> arguments_;
};

/// Moves what the method says for itself to [unlearn].
void apply_method_overrides(Configuration& configuration);

/// The configuration as INI text that --config takes; equal configurations give equal text.
std::string to_ini(const Configuration& configuration);

/// The same with absolute input paths: its text says the same wherever it is stored.
Configuration with_absolute_paths(Configuration configuration);

}  // namespace unpact
