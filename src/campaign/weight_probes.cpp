#include "weight_probes.hpp"

#include <memory>
#include <set>
#include <utility>

#include "relearning.hpp"
#include "unpact/campaign/unlearn_inputs.hpp"
#include "unpact/comm/collectives.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/changed_model.hpp"
#include "unpact/model/sharded_replica.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/train/training_checkpoint.hpp"

namespace unpact {
namespace {

/// Trains a copy of the probed model, once for each number of steps, so that no more than one training or one model that
/// answers is in memory beside the probed one.
class Relearn : public Probe {
 public:
  Relearn(const ProbeTraining& training, const GenerationOptions& generation)
      : training_(training), generation_(generation),
        steps_(read_steps(training.configuration.probe.relearn.steps, "relearn.steps")) {}

  void attempt(const ProbeTask& task, ProbeRecord& record) const override {
    for (const auto step : steps_) record.attempt_labels.push_back(concat("after ", step, " steps"));
    record.steps = steps_;
    const auto set = relearn_set(training_.configuration, training_.dataset);
    mark_asked(task, set, record);
    const auto examples = std::make_shared<const std::vector<Example>>(
        relearn_examples(set, *task.model.tokenizer, task.model.prompt_template,
                         context_limit(training_.configuration, task.model.transformer.config())));
    std::int64_t before = 0;
    for (std::size_t a = 0; a < steps_.size(); ++a) {
      const auto make = [&] {
        auto made = relearned(task, examples, steps_[a]);
        made.tokens = made.tokens * (steps_[a] - before) / steps_[a];  // as of one training that is asked on its way
        return made;
      };
      record.losses.push_back(answer_by(task, generation_, {concat("step", steps_[a]), a, make}, record));
      before = steps_[a];
    }
  }

 private:
  void mark_asked(const ProbeTask& task, const RelearnSet& set, ProbeRecord& record) const {
    const bool can_train = task.model.transformer.reinforced() == nullptr;
    if (!can_train && task.group.is_root() && !task.probed.empty())
      log::warn("probe 'relearn' asks nothing: the model answers by two, and a training would change one of them");
    std::set<std::string> left_out;
    for (std::size_t i = 0; i < set.is_asked.size(); ++i)
      if (set.is_asked[i] == 0) left_out.insert(training_.dataset.forget_questions[i].question);
    for (const auto q : task.probed) {
      const auto& asked = task.questions[q];
      const bool is_asked = can_train && asked.in_forget_set && !left_out.contains(asked.pair.question);
      record.asked.push_back(static_cast<std::uint8_t>(is_asked ? Asked::yes : Asked::no));
    }
  }

  /// The probed model's weights, wherever they lie, after so many steps. Collective over the task's group.
  MadeModel relearned(const ProbeTask& task, const std::shared_ptr<const std::vector<Example>>& examples,
                      std::int64_t steps) const {
    const auto& probed = task.model.transformer;
    const auto& device = training_.session.device();
    const bool on_shards = is_sharded(probed);
    const auto dtype = probed.weights().embedding_VD.scalar_type();
    auto options = relearn_training(training_.configuration, steps);
    options.identity = concat(training_.identity, " ", task.stage, " ", steps);
    if (!training_.folder.empty()) options.checkpoint_folder = training_.folder / concat(task.stage, "relearn-", steps);
    options.result.dtype = dtype;
    std::shared_ptr<WeightPieces> pieces;
    if (on_shards) {
      if (options.execution.shard == Shard::none) options.execution.shard = Shard::parameters;
      options.device = device;
      pieces = std::make_shared<WeightPieces>(probed.config(), task.group, dtype, device);
      options.result.take_unit = [pieces](Weights& weights, std::size_t unit) { pieces->take(weights, unit); };
    }
    Transformer model(probed.config(), on_shards ? weights_on_host(probed, true) : probed.weights());
    const CrossEntropyTerm loss(examples);
    const auto collectives = make_collectives(task.group, device);
    const auto reports = train(model, {{&loss, 1.0}}, options, *collectives);
    if (!options.checkpoint_folder.empty())
      fail_together(task.group, [&] {
        if (task.group.is_root()) remove_training_checkpoints(options.checkpoint_folder);
      });
    MadeModel made{task.model, reports.back().loss, 0};
    for (const auto& report : reports) made.tokens += report.tokens;
    made.model.transformer = on_shards ? sharded_transformer(task.group, std::move(*pieces)) : std::move(model);
    give_memory_back(device);
    return made;
  }

  const ProbeTraining training_;
  GenerationOptions generation_;
  std::vector<std::int64_t> steps_;
};

}  // namespace

std::vector<ProbeRow> weight_probe_table(const ProbeTraining& training) {
  auto table = probe_table();
  for (auto& row : table)
    if (row.trains)
      row.make = [training](const ProbeOptions&, const GenerationOptions& generation) {
        return std::make_unique<Relearn>(training, generation);
      };
  return table;
}

}  // namespace unpact
