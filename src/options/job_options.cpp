#include "sections.hpp"

namespace unpact {
namespace {

void add_campaign(OptionTable& t, CampaignOptions& c) {
  t.push_back({"campaign.models", "names of models/*.ini", &c.models, kNothing});
  t.push_back({"campaign.datasets", "names of datasets/*.ini", &c.datasets, kNothing});
  t.push_back({"campaign.methods", "names of methods/*.ini", &c.methods, kNothing});
  t.push_back({"campaign.seeds", "seeds of the cells, separated by commas; not given: run.seed", &c.seeds, kNothing});
  t.push_back({"campaign.ranks_per_cell", "ranks that work on one cell", &c.ranks_per_cell, kNothing, positive()});
  t.push_back({"campaign.retry_failed", "try cells once more that are recorded as failed", &c.retry_failed, kNothing});
  t.push_back({"campaign.stale_after", "seconds without a sign of life after which another job's work is taken over",
               &c.stale_after, kNothing, positive()});
  t.push_back({"campaign.save_models", "keep the unlearned models' weights", &c.save_models, kNothing});
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
  t.push_back({"inspect.what", "model, tokenizer, dataset, results or machine", &i.what, kNothing});
  t.push_back({"inspect.path", "where it lies", &i.path, kNothing});
  t.push_back({"inspect.ranks", "model: number of ranks that memory is asked for", &i.ranks, kNothing, positive()});
  t.push_back({"inspect.quick", "model: leave out the weights' values and checksum", &i.quick, kNothing});
  t.push_back({"inspect.json", "model: print one JSON object", &i.json, kNothing});
}

}  // namespace

void add_job_options(OptionTable& table, Configuration& configuration) {
  add_campaign(table, configuration.campaign);
  add_ask(table, configuration.ask);
  add_evaluate(table, configuration.evaluate);
  add_inspect(table, configuration.inspect);
}

}  // namespace unpact
