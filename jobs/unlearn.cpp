#include <filesystem>
#include <optional>

#include "jobs/job_table.hpp"
#include "unpact/campaign/fingerprints.hpp"
#include "unpact/campaign/job_claims.hpp"
#include "unpact/campaign/question_contributions.hpp"
#include "unpact/campaign/resources.hpp"
#include "unpact/campaign/same_inputs.hpp"
#include "unpact/campaign/stage_shapes.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/campaign/unlearned_folder.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/progress.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/train/memory_plan.hpp"
#include "unpact/train/step_note.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

/// Prints what a rank will need and refuses what does not fit; loads no weights.
ExitCode plan_unlearning(const Session& session, const Configuration& c, const Dataset& dataset) {
  require_one_model(c.model.path);
  const auto config = read_model_config(c.model.path);
  const auto tokenizer = load_tokenizer(c.model.path);
  const auto data = unlearn_data(c, dataset, *tokenizer, c.prompt.resolve(), context_limit(c, config));
  std::size_t longest = 1;
  for (const auto* set : {data.forget.get(), data.retain.get()})
    for (const auto& example : *set) longest = std::max(longest, example.ids.size());
  auto options = c.unlearn_training();
  options.device = session.device();
  options.stored = stored_to_train(c);
  wants_adapter(options, config);
  const auto plan = plan_memory(config, weights_trained_by(c.method, config), session.world().size(), options,
                                static_cast<std::int64_t>(longest), target_in_memory(c));
  const auto node = session.world().split_by_node();
  const int sharing = session.device().is_cpu() ? node.size() : 1;
  const auto host_free = static_cast<double>(available_memory(at::kCPU)),
             free = static_cast<double>(available_memory(session.device()));
  log::info(concat("Memory of one rank of ", session.world().size(), ", longest example ", longest, " tokens:\n",
                   plan.table(), "  free: ", free / (1 << 30) / sharing, " GiB a rank"));
  const auto lacking = session.world().max(plan.total() * sharing - free);
  UNPACT_VALIDATE(lacking <= 0, "this training does not fit into the memory",
                  concat(lacking / (1 << 30), " GiB are missing on a node or device"),
                  "use more ranks, train.recompute = true, train.dtype = bf16, a smaller micro_batch or shorter examples");
  const auto lacking_host = session.world().max(plan.host_total() * node.size() - host_free);
  UNPACT_VALIDATE(plan.host_total() == 0 || lacking_host <= 0, "the optimizer does not fit into the host's memory",
                  concat(lacking_host / (1 << 30), " GiB are missing on a node"),
                  "use more nodes, or train.offload_optimizer = false");
  return ExitCode::done;
}

}  // namespace

ExitCode run_unlearn(const Communicator& world, const CommandLine&, const Configuration& given) {
  auto c = given;
  require_model(c);
  UNPACT_VALIDATE(split_list(c.unlearn.forget_sets).size() <= 1,
                  concat("option 'unlearn.forget_sets' is '", c.unlearn.forget_sets, "'"), "this job forgets one set",
                  "use reproduce --campaign.sequence, which starts each step where the last one ended");
  UNPACT_VALIDATE(
      c.unlearn.save_points.empty() && c.unlearn.mix == MixRule::none,
      concat("option '", c.unlearn.save_points.empty() ? "unlearn.mix" : "unlearn.save_points", "' asks for answers"),
      "this job asks no questions, and has no target's answers to compare with", "use reproduce, which does");
  const Session session(world, c.run);
  c.train.dtype = effective_dtype(c.train, session.device());
  check_training_device(c.train, session.device());
  session.open_output(c.run.output);
  std::optional<OutputClaim> claim;
  if (!c.run.dry_run) claim.emplace(world, c.run.output, "unlearn", c.campaign);
  const auto dataset = load_dataset(c.dataset);
  require_same_on_ranks(world, "dataset", dataset_checksum(dataset));
  pin_method_file(world, c);
  if (c.run.dry_run) return plan_unlearning(session, c, dataset);
  auto options = c.unlearn_training();
  const auto target = load_to_train(session, c, options);
  const auto contributions = contributions_to_train(session, c, dataset, target, fs::path(c.run.output) / "baselines");
  auto data = unlearn_data(c, dataset, *target.tokenizer, target.prompt_template,
                           context_limit(c, target.transformer.config()), &contributions);
  const auto inputs = checksums_of(dataset_checksum(dataset), target);
  if (c.method.cache == FrozenCache::disk) data.target_fingerprint = concat(inputs.model, " ", inputs.config);
  const auto collectives = make_collectives(world, session.device());
  const auto folder = fs::path(c.run.output) / result_folder(c);
  if (session.is_root() && c.method.weighting == WeightingKind::attribution)
    write_file_atomically(folder.string() + ".weights.jsonl", lines_of_weights(data));
  NamedTensors adapters;
  const bool saves_adapter = wants_adapter(options, target.transformer.config());
  if (saves_adapter) options.result.adapters = &adapters;
  options.checkpoint_folder = folder.string() + ".training";
  options.identity = training_identity(c, inputs);
  options.step_log = folder.string() + ".train.jsonl";
  Progress progress(c.method.name, count_steps(options, static_cast<std::int64_t>(data.forget->size())), "steps");
  auto result = unlearn(target.transformer, c.method, options, data, *collectives, [&](const StepReport& report) {
    log::detail(concat("step ", report.step, " loss ", report.loss, " gradient norm ", report.gradient_norm, " lr ",
                       report.learning_rate));
    progress.advance(1, step_note(report));
  });
  progress.finish();
  if (session.is_root()) {
    if (saves_adapter) save_unlearned_adapter(folder, target, {options, adapters}, c, inputs.model);
    else save_unlearned(folder, unlearned_model(target, std::move(result), c.method), c, inputs.model);
    remove_training_checkpoints(options.checkpoint_folder);
  }
  world.barrier();
  log::info(concat("The unlearned ", result_folder(c), " is in ", folder.string()));
  return ExitCode::done;
}

}  // namespace unpact
