#include "sections.hpp"

namespace unpact {
namespace {

void add_campaign(OptionTable& t, CampaignOptions& c) {
  t.push_back({"campaign.models", "names of models/*.ini", &c.models, kNothing});
  t.push_back({"campaign.datasets", "names of datasets/*.ini", &c.datasets, kNothing});
  t.push_back({"campaign.methods", "names of methods/*.ini", &c.methods, kNothing});
  t.push_back({"campaign.forget_sets",
               "muse: sets of growing size such as scal/1, scal/2: every dataset with each of them as its forget set",
               &c.forget_sets, kNothing});
  t.push_back({"campaign.sequence",
               "muse: sets such as sust/1, sust/2 that every method forgets one after the other, with a cell after each",
               &c.sequence, kNothing});
  t.push_back(
      {"campaign.sweep",
       "strengths: every method with each value, e.g. method.retain_weight = 1, 4, 16; several keys are separated by ; "
       "and give all combinations",
       &c.sweep, kNothing});
  t.push_back({"campaign.seeds", "seeds of the cells, separated by commas; not given: run.seed", &c.seeds, kNothing});
  t.push_back({"campaign.ranks_per_cell", "ranks that work on one cell", &c.ranks_per_cell, kNothing, positive()});
  t.push_back({"campaign.retry_failed", "try cells once more that are recorded as failed", &c.retry_failed, kNothing});
  t.push_back({"campaign.stale_after", "seconds without a sign of life after which another job's work is taken over",
               &c.stale_after, kNothing, positive()});
  t.push_back(
      {"campaign.stage", "all, or targets: make the targets and their baselines and stop there", &c.stage, kNothing});
  t.push_back(
      {"campaign.floor_model",
       "folder of a model that was never taught the forget set, for the floor of every probe; empty: the base that a target "
       "is fine-tuned from, if there is one",
       &c.floor_model,
       kNothing,
       {},
       Role::input_path});
  t.push_back({"campaign.floor_checksum",
               "SHA-256 that its weights and config.json must have, as results name it; empty: any", &c.floor_checksum,
               kEvaluation});
  t.push_back({"campaign.save_models", "keep the unlearned models' weights", &c.save_models, kNothing});
}

void add_plan(OptionTable& t, PlanOptions& p) {
  t.push_back(
      {"plan.gpu",
       "what reproduce --dry-run plans for: a100-40, a100-80, h100, h200, l40s, a6000, v100, rtx4090; none: CPUs; auto: "
       "h100 with run.device = cuda, else none",
       &p.gpu, kNothing});
  t.push_back({"plan.gpu_memory", "GB of a GPU (10^9 bytes); 0: as its maker says", &p.gpu_memory, kNothing,
               at_least(0, "memory is negative")});
  t.push_back({"plan.gpus", "GPUs of the allocation", &p.gpus, kNothing, positive("a campaign needs one GPU at least")});
  t.push_back({"plan.gpus_per_node", "GPUs of a node", &p.gpus_per_node, kNothing, positive("a node has one GPU at least")});
  t.push_back({"plan.peak_tflops", "peak of a GPU in whatever it computes; 0: as its maker says for the dtype",
               &p.peak_tflops, kNothing, at_least(0, "a rate is negative")});
  const char* hint = "docs/planning.md says what was measured";
  t.push_back({"plan.train_share", "share of the peak that training reaches", &p.train_share, kNothing, share(hint)});
  t.push_back(
      {"plan.score_share", "share of the peak that answers and attributions reach", &p.score_share, kNothing, share(hint)});
  t.push_back({"plan.margin", "what is asked for on top of what is reckoned: 0.3 for 30 %", &p.margin, kNothing,
               at_least(0, "it would ask for less than is needed")});
  t.push_back({"plan.json", "print the plan as one JSON document", &p.json, kNothing});
}

void add_ask(OptionTable& t, AskOptions& a) {
  t.push_back({"ask.unlearned", "folder of the unlearned model", &a.unlearned, kNothing, {}, Role::input_path});
  t.push_back({"ask.prompt", "the question", &a.prompt, kNothing});
  t.push_back({"ask.answer", "answer whose contributions are shown; empty: the target's own", &a.answer, kNothing});
  t.push_back({"ask.input", "JSON lines with prompt and optional answer; - for standard input", &a.input, kNothing});
  t.push_back({"ask.json", "print JSON lines", &a.json, kNothing});
}

void add_evaluate(OptionTable& t, EvaluateOptions& e) {
  t.push_back({"evaluate.unlearned", "folder of the unlearned model", &e.unlearned, kNothing, {}, Role::input_path});
  t.push_back(
      {"evaluate.checksum", "SHA-256 that its weights must have, as results name it; empty: any", &e.checksum, kCell});
  t.push_back({"evaluate.config_checksum", "SHA-256 that its config.json must have, as results name it; empty: any",
               &e.config_checksum, kCell});
}

void add_inspect(OptionTable& t, InspectOptions& i) {
  t.push_back({"inspect.what", "model, tokenizer, dataset, results, machine or network", &i.what, kNothing});
  t.push_back({"inspect.path", "where it lies", &i.path, kNothing});
  t.push_back({"inspect.ranks", "model: number of ranks that memory is asked for", &i.ranks, kNothing, positive()});
  t.push_back({"inspect.quick", "model: leave out the weights' values and checksum", &i.quick, kNothing});
  t.push_back({"inspect.json", "model: print one JSON object", &i.json, kNothing});
  t.push_back({"inspect.watch",
               "results of a folder: seconds between two looks, until every cell is finished or failed; 0: one look",
               &i.watch, kNothing, at_least(0, "time does not go back")});
}

void add_status(OptionTable& t, StatusOptions& s) {
  t.push_back({"status.path", "the campaign's folder", &s.path, kNothing});
  t.push_back({"status.watch", "seconds between two looks, until every cell is finished or failed; 0: one look", &s.watch,
               kNothing, at_least(0, "time does not go back")});
  t.push_back({"status.json", "print one JSON object a look", &s.json, kNothing});
}

void add_export(OptionTable& t, ExportOptions& e) {
  t.push_back({"export.file", "where the forget questions, or attempts on them, are written, JSON lines; -: standard output",
               &e.file, kNothing});
  t.push_back(
      {"export.results",
       "a cell's results file: its questions, with KeyTokens, both models' answers and all attempts; empty: the dataset's",
       &e.results,
       kNothing,
       {},
       Role::input_path});
  t.push_back({"export.attempts", "of probe.generator on a question", &e.attempts, kNothing,
               positive("equal budgets: as many as probe.phrasings has")});
  t.push_back({"export.instructions",
               "what probe.generator is told, separated by |, with {question}; empty: five built-in ones", &e.instructions,
               kNothing});
}

}  // namespace

void add_job_options(OptionTable& table, Configuration& configuration) {
  add_campaign(table, configuration.campaign);
  add_plan(table, configuration.plan);
  add_ask(table, configuration.ask);
  add_evaluate(table, configuration.evaluate);
  add_inspect(table, configuration.inspect);
  add_status(table, configuration.status);
  add_export(table, configuration.exported);
}

}  // namespace unpact
