#include "sections.hpp"

#include "unpact/core/text.hpp"
#include "unpact/train/save_points.hpp"

namespace unpact {
namespace {

OptionCheck piece_length() { return at_least(2, "a piece holds BOS and at least one token", "use 2048"); }

/// Or as long as those of [finetune].
OptionCheck piece_length_or_none() {
  return [](const Option& option) {
    if (*std::get<std::int64_t*>(option.value) != 0) piece_length()(option);
  };
}

constexpr const char* kChunkRules =
    "muse: BOS and chunk_length - 1 tokens; open_unlearning: chunk_length tokens, decoded and encoded again after BOS";

/// Rows that both trainings have, by the name of their section.
void add_training(OptionTable& t, const std::string& section, TrainOptions& o, Affects affects) {
  t.push_back({section + ".epochs", "passes over the examples", &o.epochs, affects});
  t.push_back({section + ".max_steps", "optimizer steps; 0: as many as the epochs need", &o.max_steps, affects});
  t.push_back({section + ".batch_size", "examples a step, over all ranks", &o.batch_size, affects});
  t.push_back(
      {section + ".step_rule",
       "where batches end: continuous (ceil(epochs n / batch_size) steps) or per_epoch (epochs ceil(n / batch_size))",
       &o.step_rule, affects});
  t.push_back({section + ".micro_batch", "examples that a rank runs at once", &o.micro_batch, affects});
  t.push_back({section + ".learning_rate", "AdamW's learning rate", &o.learning_rate, affects});
  t.push_back({section + ".schedule", "constant, linear or cosine", &o.schedule, affects});
  t.push_back({section + ".warmup_steps", "steps of linear warm-up", &o.warmup_steps, affects});
  t.push_back({section + ".clip_norm", "limit of the gradient's 2-norm; 0: none", &o.clip_norm, affects});
  t.push_back({section + ".weight_decay", "AdamW's weight decay", &o.adamw.weight_decay, affects});
  t.push_back({section + ".beta1", "AdamW's first decay", &o.adamw.beta1, affects});
  t.push_back({section + ".beta2", "AdamW's second decay", &o.adamw.beta2, affects});
  t.push_back({section + ".epsilon", "AdamW's epsilon", &o.adamw.epsilon, affects});
  t.push_back({section + ".shuffle", "draw the examples in random order", &o.shuffle, affects});
}

/// How trainings run; all but the types of numbers changes them by the order of sums alone.
void add_execution(OptionTable& t, TrainExecution& e) {
  t.push_back(
      {"train.shard", "auto, parameters (ZeRO-3), gradients (ZeRO-2) or none (every rank holds all)", &e.shard, kNothing});
  t.push_back(
      {"train.recompute", "run blocks again in the backward pass instead of keeping activations", &e.recompute, kNothing});
  t.push_back({"train.packing", "put the examples of a micro-batch after each other in one row instead of padding them",
               &e.packing, kNothing});
  t.push_back({"train.deterministic", "CUDA: the same bits in every run, by slower kernels of attention", &e.deterministic,
               kNothing});
  t.push_back(
      {"train.offload_optimizer", "CUDA: master weights and Adam's moments in host memory", &e.offload_optimizer, kNothing});
  t.push_back({"train.dtype", "of the computation: auto (CUDA: bf16, else fp32), fp32 or bf16", &e.dtype, kTraining});
  t.push_back({"train.master_weights", "bf16: fp32 masters, or none (update bf16 weights as they are)", &e.master_weights,
               kTraining});
  t.push_back(
      {"train.long_examples",
       "of an example longer than the model's context: refuse, cut (its first tokens stay) or skip (a question is left "
       "out; dataset.skip_long asks for that, too)",
       &e.long_examples, kTraining});
  t.push_back({"train.lora_rank", "LoRA: rank of adapters that train in the weights' place; 0: the weights train",
               &e.lora_rank, kTraining});
  t.push_back(
      {"train.lora_alpha", "LoRA: what adapters give is multiplied by lora_alpha / lora_rank", &e.lora_alpha, kTraining});
  t.push_back({"train.lora_targets",
               "LoRA: projections with adapters: all, or of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
               &e.lora_targets, kTraining});
  t.push_back({"train.lora_result",
               "LoRA, finetune and unlearn: merged (a model in OUTPUT/model) or adapter (a folder for peft, OUTPUT/adapter)",
               &e.lora_result, kNothing});
  t.push_back(
      {"train.checkpoint_every", "steps between two checkpoints; 0: no matter how many", &e.checkpoint_every, kNothing});
  t.push_back({"train.checkpoint_minutes", "minutes between two checkpoints; 0 here and above: only when asked to stop",
               &e.checkpoint_minutes, kNothing});
  t.push_back({"train.checkpoint_keep", "checkpoints that are kept, at least 2", &e.checkpoint_keep, kNothing});
  t.push_back({"train.peak_tflops", "of one rank's device, for the reported MFU; 0: unknown", &e.peak_tflops, kNothing});
}

void add_finetune(OptionTable& t, FinetuneOptions& f) {
  t.push_back({"finetune.sets", "what to learn: forget, retain", &f.sets, kTarget, list_of({"forget", "retain"})});
  t.push_back({"finetune.parts", "of these sets: questions, direct (questions with an empty thought), texts, focus",
               &f.parts, kTarget, list_of({"questions", "direct", "texts", "focus"})});
  t.push_back({"finetune.loss_on", "of a question: answer, trace (of thought), both or all", &f.loss_on, kTarget});
  t.push_back({"finetune.chunk_length", "tokens of a piece of text", &f.chunks.length, kTraining, piece_length()});
  t.push_back({"finetune.chunk_rule", kChunkRules, &f.chunks.rule, kTarget});
  t.push_back({"finetune.wrap_last_chunk", "rule muse: fill the last piece of a set from its first one", &f.chunks.wrap_last,
               kTarget});
  add_training(t, "finetune", f.train, kTarget);
}

/// Where an unlearning is looked at, and which of its models counts.
void add_points(OptionTable& t, UnlearnOptions& u) {
  t.push_back(
      {"unlearn.save_points",
       "campaigns: steps (20, 40) or epochs (1e, 2e) behind which both sets are asked on the way, as behind the last "
       "step; empty: none",
       &u.save_points, kUnlearning, [](const Option& option) { check_save_points(*std::get<std::string*>(option.value)); }});
  t.push_back({"unlearn.keep_points", "keep the weights of these points, models/CELL.stepN", &u.keep_points, kNothing});
  t.push_back(
      {"unlearn.select",
       "which point a cell is about: last; best_at_utility (the fewest forget answers among those that keep enough) or "
       "first_below_floor (no more of them than the floor model), chosen on one half of the questions",
       &u.select, kUnlearning});
  t.push_back({"unlearn.select_keep", "best_at_utility: share of the target's right retain answers that is enough",
               &u.select_keep, kUnlearning, share("use 0.95")});
  t.push_back({"unlearn.mix",
               "none, or calibrate: mix the unlearned weights with the least share of the target's that keeps enough retain "
               "answers, chosen on one half of the questions",
               &u.mix, kCell});
  t.push_back({"unlearn.mix_keep", "calibrate: share of the target's right retain answers that is enough", &u.mix_keep,
               kCell, share("use 0.95")});
}

void add_unlearn(OptionTable& t, UnlearnOptions& u) {
  t.push_back({"unlearn.form", "what is unlearned and kept: questions or texts", &u.form, kUnlearning});
  t.push_back(
      {"unlearn.forget_sets",
       "muse: sets such as sust/1, sust/2 that are forgotten one after the other, each from where the last ended (set by "
       "campaign.sequence); empty: the dataset's forget set",
       &u.forget_sets, kUnlearning});
  t.push_back({"unlearn.forget_sets_checksum", "SHA-256 of each one's texts, separated by commas; empty: any",
               &u.forget_sets_checksum, kUnlearning});
  t.push_back({"unlearn.loss_on", "of a question: answer, trace (of thought), both or all", &u.loss_on, kUnlearning});
  t.push_back({"unlearn.chunk_length",
               "tokens of a piece of text; 0: finetune.chunk_length, so that the target knows the pieces", &u.chunks.length,
               kUnlearning, piece_length_or_none()});
  t.push_back({"unlearn.chunk_rule", kChunkRules, &u.chunks.rule, kUnlearning});
  t.push_back(
      {"unlearn.wrap_last_chunk", "rule muse: fill the last piece from the first one", &u.chunks.wrap_last, kUnlearning});
  t.push_back({"unlearn.retain_sampling",
               "epoch: in random order, each once; uniform: any at any time; paired: i mod n for forget example i",
               &u.retain_sampling, kUnlearning});
  t.push_back(
      {"unlearn.phrased",
       "phrasings of probe.phrasings, behind the first two, in which a question with KeyTokens is trained as well; 0: none",
       &u.phrased, kUnlearning});
  add_training(t, "unlearn", u.train, kUnlearning);
  add_points(t, u);
  t.push_back({"unlearn.clip",
               "what clip_norm limits: sum (the whole gradient) or terms (each term's alone, before its coefficient)",
               &u.train.clip, kUnlearning});
}

}  // namespace

void add_training_options(OptionTable& table, Configuration& configuration) {
  add_execution(table, configuration.train);
  add_finetune(table, configuration.finetune);
  add_unlearn(table, configuration.unlearn);
}

}  // namespace unpact
