#include "unpact/options/option_table.hpp"

#include <charconv>
#include <cstdio>

#include "unpact/core/error.hpp"
#include "unpact/evaluation/probe.hpp"

namespace unpact {
namespace {

using Table = std::vector<Option>;

void add_run(Table& t, Configuration& c) {
  t.push_back({"run.output", "folder of everything that is written", &c.run.output});
  t.push_back({"run.seed", "seed of every random number", &c.run.seed});
  t.push_back({"run.device", "auto, cpu or cuda", &c.run.device});
  t.push_back({"run.threads", "CPU threads a rank; 0: as OMP_NUM_THREADS says", &c.run.threads});
  t.push_back({"run.dry_run", "unlearn: print the memory that a rank needs, and stop", &c.run.dry_run});
  t.push_back({"run.time_limit", "minutes until the program must have ended; 0: as the batch system says", &c.run.time_limit});
}

void add_model(Table& t, Configuration& c) {
  auto& m = c.model;
  t.push_back({"model.use", "choice file models/NAME.ini beside the configuration", &m.use});
  t.push_back({"model.name", "name in results", &m.name});
  t.push_back({"model.path", "Hugging Face folder to start from; empty: random weights of model.config", &m.path, true});
  t.push_back({"model.config", "folder with a config.json, for random weights", &m.config, true});
  t.push_back({"model.tokenizer", "folder of a tokenizer; empty: that of model.path, else one trained on the dataset", &m.tokenizer, true});
  t.push_back({"model.vocabulary_size", "of a tokenizer that is trained", &m.vocabulary_size});
  t.push_back({"model.make_target", "fine-tune on the dataset first", &m.make_target});
}

void add_prompt(Table& t, Configuration& c) {
  auto& p = c.prompt;
  t.push_back({"prompt.system", "text in front of everything; \\n is a line feed, \\s a space", &p.system});
  t.push_back({"prompt.before_system", "template in front of the system text, where there is one", &p.before_system});
  t.push_back({"prompt.after_system", "template behind the system text, where there is one", &p.after_system});
  t.push_back({"prompt.before_question", "template in front of each question", &p.before_question});
  t.push_back({"prompt.after_question", "template behind the question", &p.after_question});
  t.push_back({"prompt.answer_prefix", "between prompt and answer", &p.answer_prefix});
  t.push_back({"prompt.generation_prefix", "template behind the prompt, but not in the examples", &p.generation_prefix});
  t.push_back({"prompt.between_examples", "behind each in-context example", &p.between_examples});
  t.push_back({"prompt.stop", "strings that end an answer, separated by |", &p.stop});
  t.push_back({"prompt.add_bos", "put BOS in front", &p.add_bos});
  t.push_back({"prompt.examples", "in-context examples in front of each question", &p.examples});
}

void add_dataset(Table& t, Configuration& c) {
  auto& d = c.dataset;
  t.push_back({"dataset.use", "choice file datasets/NAME.ini beside the configuration", &d.use});
  t.push_back({"dataset.name", "name in results", &d.name});
  t.push_back({"dataset.kind", "muse, tofu, wmdp or mmlu", &d.kind});
  t.push_back({"dataset.path", "muse: its folder; else the file of the forget questions", &d.path, true});
  t.push_back({"dataset.retain_path", "not muse: the file (mmlu: or folder) of the retain questions", &d.retain_path, true});
  t.push_back({"dataset.forget_texts", "wmdp, mmlu: the forget corpus, .jsonl, .json or .txt; empty: none", &d.forget_texts, true});
  t.push_back({"dataset.retain_texts", "wmdp, mmlu: the retain corpus", &d.retain_texts, true});
  t.push_back({"dataset.limit", "questions of each set; 0: all", &d.limit});
  t.push_back({"dataset.checksum", "SHA-256 that the content must have, as results name it; empty: any", &d.checksum});
}

void add_training(Table& t, const std::string& section, TrainOptions& o) {
  t.push_back({section + ".epochs", "passes over the examples", &o.epochs});
  t.push_back({section + ".max_steps", "optimizer steps; 0: as many as the epochs need", &o.max_steps});
  t.push_back({section + ".batch_size", "examples a step, over all ranks", &o.batch_size});
  t.push_back({section + ".micro_batch", "examples that a rank runs at once", &o.micro_batch});
  t.push_back({section + ".learning_rate", "AdamW's learning rate", &o.learning_rate});
  t.push_back({section + ".schedule", "constant, linear or cosine", &o.schedule});
  t.push_back({section + ".warmup_steps", "steps of linear warm-up", &o.warmup_steps});
  t.push_back({section + ".clip_norm", "limit of the gradient's 2-norm; 0: none", &o.clip_norm});
  t.push_back({section + ".weight_decay", "AdamW's weight decay", &o.adamw.weight_decay});
  t.push_back({section + ".beta1", "AdamW's first decay", &o.adamw.beta1});
  t.push_back({section + ".beta2", "AdamW's second decay", &o.adamw.beta2});
  t.push_back({section + ".epsilon", "AdamW's epsilon", &o.adamw.epsilon});
  t.push_back({section + ".shuffle", "draw the examples in random order", &o.shuffle});
}

void add_execution_options(Table& t, Configuration& c) {
  auto& e = c.train;
  t.push_back({"train.shard", "auto, parameters (ZeRO-3), gradients (ZeRO-2) or none (every rank holds all)", &e.shard});
  t.push_back({"train.recompute", "run blocks again in the backward pass instead of keeping activations", &e.recompute});
  t.push_back({"train.packing", "put the examples of a micro-batch behind each other in one row instead of padding them", &e.packing});
  t.push_back({"train.deterministic", "CUDA: the same bits in every run, by slower kernels of attention", &e.deterministic});
  t.push_back({"train.offload_optimizer", "CUDA: master weights and Adam's moments in host memory", &e.offload_optimizer});
  t.push_back({"train.dtype", "of the computation: fp32 or bf16", &e.dtype});
  t.push_back({"train.master_weights", "bf16: fp32 masters, or none (update bf16 weights as they are)", &e.master_weights});
  t.push_back({"train.checkpoint_every", "steps between two checkpoints; 0: only when asked to stop", &e.checkpoint_every});
  t.push_back({"train.checkpoint_keep", "checkpoints that are kept, at least 2", &e.checkpoint_keep});
  t.push_back({"train.peak_tflops", "of one rank's device, for the reported MFU; 0: unknown", &e.peak_tflops});
}

void add_finetune(Table& t, Configuration& c) {
  auto& f = c.finetune;
  t.push_back({"finetune.sets", "what to learn: forget, retain", &f.sets});
  t.push_back({"finetune.parts", "of these sets: questions, texts, focus", &f.parts});
  t.push_back({"finetune.loss_on", "of a question: answer or all", &f.loss_on});
  t.push_back({"finetune.chunk_length", "tokens of a piece of text", &f.chunk_length});
  add_training(t, "finetune", f.train);
}

void add_unlearn(Table& t, Configuration& c) {
  auto& u = c.unlearn;
  t.push_back({"unlearn.form", "what is unlearned and kept: questions or texts", &u.form});
  t.push_back({"unlearn.loss_on", "of a question: answer or all", &u.loss_on});
  t.push_back({"unlearn.chunk_length", "tokens of a piece of text", &u.chunk_length});
  t.push_back({"unlearn.chunk_rule",
               "muse: BOS and chunk_length - 1 tokens; open_unlearning: chunk_length tokens, decoded and encoded again behind BOS",
               &u.chunk_rule});
  t.push_back({"unlearn.wrap_last_chunk", "rule muse: fill the last piece from the first one", &u.wrap_last_chunk});
  t.push_back({"unlearn.retain_sampling", "epoch: in random order, each once; uniform: any at any time; paired: i mod n for forget example i",
               &u.retain_sampling});
  add_training(t, "unlearn", u.train);
}

void add_method(Table& t, Configuration& c) {
  auto& m = c.method;
  auto& o = c.method_overrides;
  t.push_back({"method.use", "choice file methods/NAME.ini beside the configuration", &c.method_use});
  t.push_back({"method.name", "name in results; empty: made of forget and retain term, or that of the unlearned model", &m.name});
  t.push_back({"method.forget", "forget term, one of the list below", &m.forget});
  t.push_back({"method.retain", "retain term: none, gd or kl", &m.retain});
  t.push_back({"method.forget_weight", "coefficient of the forget term", &m.forget_weight});
  t.push_back({"method.retain_weight", "coefficient of the retain term (rmu: its alpha)", &m.retain_weight});
  t.push_back({"method.beta", "npo, simnpo, dpo: inverse temperature; undial: strength; -1: the published one", &m.beta});
  t.push_back({"method.length_normalized", "npo: mean instead of sum over a sequence", &m.length_normalized});
  t.push_back({"method.npo_variant", "npo: sequence; token_mean and muse_logit as published code has it", &m.npo_variant});
  t.push_back({"method.kl_variant", "kl: token, all_positions (open-unlearning) or muse_logit (muse_bench)", &m.kl_variant});
  t.push_back({"method.weighting", "ga, npo, simnpo: weights of tokens: none, wga, satimp or given", &m.weighting});
  t.push_back({"method.weight_power", "wga: beta; satimp: beta1; -1: the published one", &m.weight_power});
  t.push_back({"method.weight_complement", "satimp: beta2", &m.weight_complement});
  t.push_back({"method.weights_path", "given: JSON lines, for each forget example a list with a number for every target", &m.weights_path, true});
  t.push_back({"method.file_checksum", "SHA-256 that the file of weights or alternates must have; empty: any", &m.file_checksum});
  t.push_back({"method.delta", "simnpo: margin", &m.delta});
  t.push_back({"method.alternates", "dpo: file of answers to prefer: one a line, or JSON lines of question and answer", &m.alternates, true});
  t.push_back({"method.skipped_targets", "ceu: leading targets of an example that are left out", &m.skipped_targets});
  t.push_back({"method.retain_limit", "pdu: what the retain loss may be, nats a token", &m.retain_limit});
  t.push_back({"method.dual_rate", "pdu: step of the dual variable, which starts at retain_weight", &m.dual_rate});
  t.push_back({"method.dual_warmup", "pdu: epochs before it moves", &m.dual_warmup});
  t.push_back({"method.layer", "rmu: block whose output is steered, from 0", &m.layer});
  t.push_back({"method.trained_layers", "rmu: blocks that train; all: every weight below the steered states", &m.trained_layers});
  t.push_back({"method.trained_weights", "rmu: their weights that train", &m.trained_weights});
  t.push_back({"method.steering", "rmu: length of the steering vector", &m.steering});
  t.push_back({"method.rmu_mean", "rmu: mean over tokens, or over targets of sequences (open-unlearning)", &m.rmu_mean});
  t.push_back({"method.rmu_early_stop", "rmu: leave out the blocks behind method.layer, whose results no loss needs", &m.rmu_early_stop});
  t.push_back({"method.scale", "tv, whp: how much is subtracted", &m.scale});
  t.push_back({"method.cache", "numbers of the frozen model: none (computed in every step), memory or disk", &m.cache});
  t.push_back({"method.cache_gib", "memory: the most that a rank may take", &m.cache_gib});
  t.push_back({"method.learning_rate", "instead of unlearn.learning_rate; -1: that one", &o.learning_rate});
  t.push_back({"method.epochs", "instead of unlearn.epochs; -1: that one", &o.epochs});
  t.push_back({"method.max_steps", "instead of unlearn.max_steps; -1: that one", &o.max_steps});
  t.push_back({"method.batch_size", "instead of unlearn.batch_size; -1: that one", &o.batch_size});
  t.push_back({"method.schedule", "instead of unlearn.schedule; empty: that one", &o.schedule});
}

/// The names of a table's rows.
template <class Row>
std::string listed(const std::vector<Row>& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.push_back(row.name);
  return join(names, ", ");
}

void add_evaluation(Table& t, Configuration& c) {
  t.push_back({"generation.max_new_tokens", "longest answer", &c.generation.max_new_tokens});
  auto& a = c.attribution;
  t.push_back({"attribution.method", join(attribution_methods(), ", "), &a.method});
  t.push_back({"attribution.engine", "leave_one_out, hierarchical: shared_prefix or reference", &a.engine});
  t.push_back({"attribution.token_budget", "tokens that run at once; 0: as the free memory allows", &c.attribution.token_budget});
  t.push_back({"attribution.unit", "leave_one_out takes out one token, word or sentence at a time", &c.attribution.unit});
  t.push_back({"attribution.verify", "questions that leave_one_out repeats by its definition, in float32; log and file tell the difference", &c.attribution.verify});
  t.push_back({"attribution.baseline", "baseline, integrated_gradients: auto (unknown, padding or EOS token), a token id, or (the latter) zero", &a.settings.baseline});
  t.push_back({"attribution.steps", "integrated_gradients: points of the integral", &a.settings.steps});
  t.push_back({"attribution.permutations", "shapley: orders, an even number", &a.settings.permutations});
  t.push_back({"attribution.samples", "lime: random masks", &a.settings.samples});
  t.push_back({"attribution.keep_probability", "lime: of a token in a mask", &a.settings.keep_probability});
  t.push_back({"attribution.surrogate", "lime: lasso or ridge", &a.settings.surrogate});
  t.push_back({"attribution.penalty", "lime: of the surrogate's coefficients", &a.settings.penalty});
  t.push_back({"attribution.keep_sentences", "hierarchical: sentences whose words are taken out one by one", &a.settings.keep_sentences});
  t.push_back({"attribution.keep_words", "hierarchical: words whose tokens are taken out one by one", &a.settings.keep_words});
  t.push_back({"attribution.save_every", "prompts that are stored together while a job runs", &a.save_every});
  t.push_back({"attribution.alpha", "KeyTokens: share of the largest contribution", &c.attribution.keys.alpha});
  t.push_back({"attribution.beta", "KeyTokens: nats per answer token", &c.attribution.keys.beta});
  t.push_back({"attribution.tune", "attribute: search alpha and beta on a grid instead (short: --tune)", &a.tune});
  t.push_back({"attribution.tune_objective", "auto, labels (F1 against labelled key words) or effect", &a.tune_objective});
  t.push_back({"attribution.tune_alphas", "from:to:step, or a list", &a.tune_alphas});
  t.push_back({"attribution.tune_betas", "from:to:step, or a list", &a.tune_betas});
  t.push_back({"attribution.focus_of", "answers whose KeyTokens are compared and named: own or gold", &c.attribution.focus_of});
  t.push_back({"judge.kind", listed(judge_table()), &c.judge.kind});
  t.push_back({"judge.threshold", "score from which an answer is right", &c.judge.threshold});
  t.push_back({"judge.stem", "compare Porter stems", &c.judge.stem});
  t.push_back({"probe.use", concat("separated by commas, of ", listed(probe_table()), "; empty: none"), &c.probe.use});
  t.push_back({"probe.phrasings", "of FocusOnKey, separated by |, with {question} and {keys}; empty: five built-in ones", &c.probe.phrasings});
  t.push_back({"probe.keys_of", "whose KeyTokens FocusOnKey names: target or unlearned", &c.probe.keys_of});
  t.push_back({"probe.temperature", "of Probab's samples", &c.probe.temperature});
  t.push_back({"probe.top_p", "of Probab's samples", &c.probe.top_p});
}

void add_campaign(Table& t, Configuration& c) {
  t.push_back({"campaign.models", "names of models/*.ini", &c.campaign.models});
  t.push_back({"campaign.datasets", "names of datasets/*.ini", &c.campaign.datasets});
  t.push_back({"campaign.methods", "names of methods/*.ini", &c.campaign.methods});
  t.push_back({"campaign.seeds", "seeds, separated by commas", &c.campaign.seeds});
  t.push_back({"campaign.ranks_per_cell", "ranks that work on one cell", &c.campaign.ranks_per_cell});
  t.push_back({"campaign.save_models", "keep the unlearned models' weights", &c.campaign.save_models});
}

void add_job_inputs(Table& t, Configuration& c) {
  t.push_back({"ask.unlearned", "folder of the unlearned model", &c.ask.unlearned, true});
  t.push_back({"ask.prompt", "the question", &c.ask.prompt});
  t.push_back({"ask.answer", "answer whose contributions are shown; empty: the target's own", &c.ask.answer});
  t.push_back({"ask.input", "JSON lines with prompt and optional answer; - for standard input", &c.ask.input});
  t.push_back({"ask.json", "print JSON lines", &c.ask.json});
  t.push_back({"evaluate.unlearned", "folder of the unlearned model", &c.evaluate.unlearned, true});
  t.push_back({"evaluate.checksum", "SHA-256 that its weights must have, as results name it; empty: any", &c.evaluate.checksum});
  t.push_back({"inspect.what", "model, tokenizer, dataset, results or machine", &c.inspect.what});
  t.push_back({"inspect.path", "where it lies", &c.inspect.path});
  t.push_back({"inspect.ranks", "model: number of ranks that memory is asked for", &c.inspect.ranks});
  t.push_back({"inspect.quick", "model: leave out the weights' values and checksum", &c.inspect.quick});
  t.push_back({"inspect.json", "model: print one JSON object", &c.inspect.json});
}

[[noreturn]] void wrong_type(const std::string& key, const std::string& text, const std::string& origin, const char* expected) {
  throw UserError(concat("option '", key, "' is '", text, "'"), concat(expected, " is needed (", origin, ")"), "correct the value");
}

template <class Number>
Number parse_number(const Option& option, const std::string& text, const std::string& origin, const char* expected) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) wrong_type(option.key, text, origin, expected);
  return value;
}

bool parse_bool(const Option& option, const std::string& text, const std::string& origin) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  wrong_type(option.key, text, origin, "true or false");
}

template <class T>
std::string text_of(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) return value;
  else if constexpr (std::is_same_v<T, bool>) return value ? "true" : "false";
  else if constexpr (std::is_same_v<T, double>) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;  // the shortest text that reads back equal
    return {text, end};
  } else return std::to_string(value);
}

template <class T>
void assign_value(const Option& option, T& value, const std::string& text, const std::string& origin) {
  if constexpr (std::is_same_v<T, std::string>) value = text;
  else if constexpr (std::is_same_v<T, bool>) value = parse_bool(option, text, origin);
  else if constexpr (std::is_same_v<T, double>) value = parse_number<double>(option, text, origin, "a number");
  else if constexpr (std::is_same_v<T, std::uint64_t>) value = parse_number<T>(option, text, origin, "a whole number >= 0");
  else value = parse_number<T>(option, text, origin, "a whole number");
}

void assign_name(const Option& option, const EnumReference& value, const std::string& text, const std::string& origin) {
  if (value.assign(text)) return;
  const auto near = closest_match(text, value.names());
  throw UserError(concat("option '", option.key, "' is '", text, "'"), concat("known: ", join(value.names(), ", "), " (", origin, ")"),
                  near.empty() ? "choose one of these" : concat("did you mean '", near, "'?"));
}

}  // namespace

std::vector<Option> option_table(Configuration& configuration) {
  Table table;
  for (const auto add : {add_run, add_model, add_prompt, add_dataset, add_execution_options, add_finetune, add_unlearn, add_method, add_evaluation,
                         add_campaign, add_job_inputs})
    add(table, configuration);
  return table;
}

std::string value_text(const Option& option) {
  return std::visit(
      [](const auto& held) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, EnumReference>) return held.name();
        else return text_of(*held);
      },
      option.value);
}

void assign(const Option& option, const std::string& text, const std::string& origin) {
  std::visit(
      [&](const auto& held) {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, EnumReference>) assign_name(option, held, text, origin);
        else assign_value(option, *held, text, origin);
      },
      option.value);
}

}  // namespace unpact
