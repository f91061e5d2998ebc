#include "sequence.hpp"

#include <optional>

#include "make_once.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/evaluation/stage_meter.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStepsFile = "steps.json";

Json to_json(const std::vector<StepReport>& steps) {
  Json rows = Json::array();
  for (const auto& s : steps)
    rows.push_back({s.step, s.total_steps, s.loss, s.term_losses, s.coefficients, s.gradient_norm, s.learning_rate,
                    s.targets, s.tokens, s.padding, s.term_norms});
  return rows;
}

std::vector<StepReport> read_steps(const fs::path& folder) {
  std::vector<StepReport> steps;
  const auto file = folder / kStepsFile;
  try {
    for (const auto& row : read_json_file(file)) {
      auto& s = steps.emplace_back();
      row.at(0).get_to(s.step);
      row.at(1).get_to(s.total_steps);
      row.at(2).get_to(s.loss);
      row.at(3).get_to(s.term_losses);
      row.at(4).get_to(s.coefficients);
      row.at(5).get_to(s.gradient_norm);
      row.at(6).get_to(s.learning_rate);
      row.at(7).get_to(s.targets);
      row.at(8).get_to(s.tokens);
      row.at(9).get_to(s.padding);
      row.at(10).get_to(s.term_norms);
    }
  } catch (const Json::exception& error) {
    throw UserError(concat("cannot read ", file.string()), error.what(), "remove its folder: the step is done again");
  }
  return steps;
}

/// The configuration up to its n-th set.
Configuration up_to(Configuration c, std::size_t n) {
  for (auto* list : {&c.unlearn.forget_sets, &c.unlearn.forget_sets_checksum}) {
    auto parts = split_list(*list);
    if (parts.size() > n) parts.resize(n);
    *list = join(parts, ", ");
  }
  return c;
}

/// One step: where it starts, and where it ends.
class Step {
 public:
  Step(const Session& session, const Baseline& baseline, Configuration c, const fs::path& folder)
      : session_(session), baseline_(baseline), c_(std::move(c)), folder_(folder),
        identity_(training_identity(c_, checksums_of(baseline.dataset_checksum, baseline.target))),
        name_(concat("step-", sha256_of_bytes(identity_).substr(0, 16))) {}

  const std::string& name() const { return name_; }
  fs::path place() const { return folder_ / "models" / name_; }
  bool is_there() const {
    std::error_code code;
    return fs::exists(place() / kStepsFile, code);
  }

  /// Collective over the session's world. @param start mapped.
  void make(const LanguageModel& start, Claims* claims, std::vector<WorkRecord>& work) const {
    log::info(concat(c_.method.name, ": training ",
                     c_.unlearn.forget_sets.empty() ? "" : split_list(c_.unlearn.forget_sets).back(), " from ",
                     start.folder.string()));
    const StageMeter meter(session_.world(), session_.device());
    auto options = c_.unlearn_training();
    options.identity = identity_;
    options.checkpoint_folder = folder_ / "training" / name_;
    options.step_log = folder_ / "logs" / (name_ + ".train.jsonl");
    auto result = train(start, claims, options);
    fail_together(session_.world(), [&] {
      session_.loads().require_unchanged();  // the files that it was trained from
      if (session_.is_root()) save(start, result);
    });
    work.push_back(meter.record("unlearn"));
    give_memory_back(session_.device());
  }

 private:
  UnlearnResult train(const LanguageModel& start, Claims* claims, TrainOptions& options) const {
    const auto& world = session_.world();
    const auto contributions =
        contributions_to_train(session_, c_, baseline_.dataset, baseline_.target, folder_ / "baselines", claims);
    UnlearnData data;
    fail_together(world, [&] {
      data = unlearn_data(c_, baseline_.dataset, *start.tokenizer, start.prompt_template,
                          context_limit(c_, start.transformer.config()), &contributions);
    });
    data.target_fingerprint = concat(start.checksums.weights, " ", start.checksums.config);
    std::optional<LanguageModel> whole;
    if (c_.train.shard == Shard::none) whole = load_mapped(session_, world, start, at::kFloat);
    else options.device = session_.device();
    const auto collectives = make_collectives(world, session_.device());
    Progress progress(concat(c_.method.name, ": unlearn"),
                      count_steps(options, static_cast<std::int64_t>(data.forget->size())), "steps");
    auto result = unlearn(whole ? whole->transformer : start.transformer, c_.method, options, data, *collectives,
                          [&](const StepReport& report) { progress.advance(1, step_note(report)); });
    progress.finish();
    return result;
  }

  /// In float32: the next step starts from what this one has learned, not from what a coarser dtype leaves of it.
  void save(const LanguageModel& start, const UnlearnResult& result) const {
    SaveOptions options;
    options.dtype = at::kFloat;
    options.also = [&](const fs::path& inside) {
      write_file_atomically(inside / kStepsFile, to_json(result.steps).dump() + "\n");
    };
    save_checkpoint(place(), start.transformer.config(), result.weights, *start.tokenizer, options);
    remove_training_checkpoints(folder_ / "training" / name_);
  }

  const Session& session_;
  const Baseline& baseline_;
  Configuration c_;
  fs::path folder_;
  std::string identity_, name_;
};

}  // namespace

LastStep train_once(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                    const LanguageModel& start, const fs::path& folder, Claims* claims) {
  const Session own(session, group);
  LastStep last{baseline.target, {}, {}};
  const Step step(own, baseline, c, folder);
  make_once(
      group, claims, step.name(), [&] { return step.is_there(); }, [&] { step.make(start, claims, last.work); });
  last.model = map_alike(own, c, step.place());
  fail_together(group, [&] { last.steps = read_steps(step.place()); });
  return last;
}

LastStep unlearn_sequence(const Session& session, const Communicator& group, const Baseline& baseline,
                          const Configuration& c, const fs::path& folder, Claims* claims) {
  LastStep last{baseline.target, {}, {}};
  const auto count = split_list(c.unlearn.forget_sets).size();
  UNPACT_EXPECT(count > 0);
  for (std::size_t n = 1; n <= count; ++n) {
    auto next = train_once(session, group, baseline, up_to(c, n), last.model, folder, claims);
    last = std::move(next);
  }
  return last;
}

}  // namespace unpact
