#include "sections.hpp"

namespace unpact {
namespace {

constexpr double kMostThreads = 4096;  // more are a mistake, and LibTorch would die on them

void add_run(OptionTable& t, RunOptions& r) {
  t.push_back({"run.output", "folder of everything that is written", &r.output, kNothing});
  t.push_back({"run.seed", "seed of every random number", &r.seed, kEverything});
  t.push_back({"run.device", "auto, cpu or cuda", &r.device, kNothing});
  t.push_back({"run.threads", "CPU threads a rank; 0: as OMP_NUM_THREADS says", &r.threads, kNothing,
               in_range(0, kMostThreads, "use the number of cores of a rank")});
  t.push_back({"run.dry_run",
               "unlearn: print the memory that a rank needs; reproduce: say what the campaign costs; and stop", &r.dry_run,
               kNothing});
  t.push_back({"run.time_limit", "minutes until the program must have ended; 0: as the batch system says", &r.time_limit,
               kNothing, at_least(0, "it must be a number of minutes >= 0", "use 0 for no limit")});
  t.push_back({"run.stop_signal", "signal that asks to stop: USR1, USR2 or TERM", &r.stop_signal, kNothing});
}

void add_model(OptionTable& t, ModelOptions& m) {
  t.push_back({"model.use",
               "choice file models/NAME.ini beside the configuration, or one of the prompts that the program brings", &m.use,
               kNothing});
  t.push_back({"model.name", "name in results", &m.name, kNothing, part_of_file_name(), Role::name});
  t.push_back({"model.path",
               "Hugging Face folder to start from; empty: random weights of model.config",
               &m.path,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"model.config", "folder with a config.json, for random weights", &m.config, kNothing, {}, Role::input_path});
  t.push_back({"model.tokenizer",
               "folder of a tokenizer; empty: that of model.path, else one trained on the dataset",
               &m.tokenizer,
               kNothing,
               {},
               Role::input_path});
  t.push_back(
      {"model.endpoint",
       "ask, attribute, evaluate: http://HOST:PORT of a model that answers over HTTP (docs/endpoints.md); empty: none",
       &m.endpoint.url,
       kNothing,
       {},
       Role::name});
  t.push_back(
      {"model.endpoint_kind", "what it speaks: vllm, sglang, openai_echo or openai_text", &m.endpoint.kind, kNothing});
  t.push_back({"model.endpoint_name", "its name there; empty: the only model", &m.endpoint.name, kNothing, {}, Role::name});
  t.push_back({"model.endpoint_key", "environment variable that may hold a key for it", &m.endpoint.key_variable, kNothing});
  t.push_back({"model.vocabulary_size", "of a tokenizer that is trained", &m.vocabulary_size, kTarget});
  t.push_back({"model.make_target", "fine-tune on the dataset first", &m.make_target, kTarget});
  t.push_back({"model.config_checksum",
               "SHA-256 that the target's config.json and generation_config.json must have, as results name it; empty: any",
               &m.config_checksum, kEvaluation | kUnlearning});
  t.push_back({"model.dtype",
               "of answers and contributions: auto (CUDA: that of model.path's weights; CPU: fp32), fp32, tf32, bf16, fp16",
               &m.dtype, kEvaluation});
  t.push_back({"model.replica",
               "what a rank holds of a model that answers: whole, sharded (a piece: for models that do not fit, slower; the "
               "numbers are the same), auto: whole where it fits",
               &m.replica, kNothing});
  t.push_back(
      {"model.bits",
       "ask, attribute, evaluate: models answer with weights rounded to nf4, int4 or int8_rows (docs/probes.md); all: as "
       "they are",
       &m.bits, kEvaluation});
}

/// How a question is put decides what is trained on and what is asked; what stands between questions only the latter.
void add_prompt(OptionTable& t, PromptOptions& p) {
  t.push_back({"prompt.system", "text in front of everything; \\n is a line feed, \\s a space", &p.system, kEverything});
  t.push_back(
      {"prompt.before_system", "template in front of the system text, where there is one", &p.before_system, kEverything});
  t.push_back({"prompt.after_system", "template after the system text, where there is one", &p.after_system, kEverything});
  t.push_back({"prompt.before_question", "template in front of each question", &p.before_question, kEverything});
  t.push_back({"prompt.after_question", "template after the question", &p.after_question, kEverything});
  t.push_back({"prompt.answer_prefix", "between prompt and answer", &p.answer_prefix, kEverything});
  t.push_back(
      {"prompt.generation_prefix", "template after the prompt, but not in the examples", &p.generation_prefix, kEverything});
  t.push_back({"prompt.thought_begin",
               "of a model that thinks: what opens its thought behind the prompt, such as <think>\\n", &p.thought_begin,
               kEverything});
  t.push_back({"prompt.thought_end",
               "what closes it in front of the answer, such as \\n</think>\\n\\n; empty: the model does not think",
               &p.thought_end, kEverything});
  t.push_back({"prompt.between_examples", "after each in-context example", &p.between_examples, kEvaluation});
  t.push_back({"prompt.stop", "strings that end an answer, separated by |", &p.stop, kEvaluation});
  t.push_back({"prompt.add_bos", "put BOS in front", &p.add_bos, kEverything});
  t.push_back({"prompt.examples", "in-context examples in front of each question", &p.examples, kEvaluation,
               at_least(0, "a count is negative")});
}

void add_dataset(OptionTable& t, DatasetOptions& d) {
  t.push_back({"dataset.use", "choice file datasets/NAME.ini beside the configuration", &d.use, kNothing});
  t.push_back({"dataset.name", "name in results", &d.name, kNothing, part_of_file_name(), Role::name});
  t.push_back({"dataset.kind", "muse, tofu, wmdp or mmlu", &d.kind, kEverything});
  t.push_back(
      {"dataset.path", "muse: its folder; else the file of the forget questions", &d.path, kNothing, {}, Role::input_path});
  t.push_back({"dataset.retain_path",
               "not muse: the file (mmlu: or folder) of the retain questions",
               &d.retain_path,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"dataset.forget_texts",
               "wmdp, mmlu: the forget corpus, .jsonl, .json or .txt; empty: none",
               &d.forget_texts,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"dataset.retain_texts", "wmdp, mmlu: the retain corpus", &d.retain_texts, kNothing, {}, Role::input_path});
  t.push_back({"dataset.forget_set",
               "muse: scal/N or sust/N, forget texts of growing size or of one step; empty: raw/forget", &d.forget_set,
               kNothing});
  t.push_back({"dataset.real_authors",
               "tofu: questions about real authors with perturbed answers, for model utility; empty: none",
               &d.real_authors,
               kNothing,
               {},
               Role::input_path});
  t.push_back({"dataset.world_facts", "tofu: the same about the world", &d.world_facts, kNothing, {}, Role::input_path});
  t.push_back(
      {"dataset.details",
       "JSON lines that say more of the questions: question, and entity, spans, paraphrased_answer or perturbed_answer; "
       "empty: the dataset says all",
       &d.details,
       kNothing,
       {},
       Role::input_path});
  t.push_back({"dataset.limit", "questions of each set that are asked; 0: all; training takes all", &d.limit, kEvaluation,
               at_least(0, "a count is negative")});
  t.push_back({"dataset.question_field", "field of an entry that holds the question", &d.question_field, kNothing});
  t.push_back({"dataset.answer_field", "field that holds the answer", &d.answer_field, kNothing});
  t.push_back({"dataset.trace_field",
               "field that holds a trace of thought in front of the answer, such as R-TOFU's cot; empty: entries have none",
               &d.trace_field, kNothing});
  t.push_back({"dataset.choices_field", "wmdp, mmlu: field that holds the choices", &d.choices_field, kNothing});
  t.push_back({"dataset.answer_form",
               "wmdp, mmlu: how the answer is said: number (from 0), number_from_1, letter or text (of the choice)",
               &d.answer_form, kNothing});
  t.push_back({"dataset.skip_long",
               "leave out questions that do not fit the model's context, in asking and training; false: they are refused",
               &d.skip_long, kEverything});
  t.push_back({"dataset.held_out",
               "share of the retain questions, by hash of their subject or text, that no unlearning trains on and that "
               "destruction is measured on; 0: none",
               &d.held_out, kEvaluation | kUnlearning, share_or_none("use 0.5")});
  t.push_back(
      {"dataset.checksum", "SHA-256 that the content must have, as results name it; empty: any", &d.checksum, kEverything});
}

}  // namespace

void add_input_options(OptionTable& table, Configuration& configuration) {
  add_run(table, configuration.run);
  add_model(table, configuration.model);
  add_prompt(table, configuration.prompt);
  add_dataset(table, configuration.dataset);
}

}  // namespace unpact
