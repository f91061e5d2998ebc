#include "jobs/job_table.hpp"

#include <algorithm>
#include <sstream>

#include "unpact/core/error.hpp"
#include "unpact/options/option_table.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

/// The forget terms and procedures, and what goes with them.
std::string forget_kinds_text() {
  std::string text = "\n  forget terms (docs/methods.md has formulas and sources):\n";
  for (const auto& kind : known_forget_kinds())
    text += concat("    ", kind.name, std::string(10 - kind.name.size(), ' '), kind.summary,
                   kind.takes_retain() ? "" : " [no retain term]", kind.takes_weighting ? " [weighting]" : "", "\n");
  return text;
}

std::string help_of_program() {
  std::ostringstream out;
  out << "unpact: has an unlearned language model forgotten, hidden or lost its knowledge?\n\n"
      << "usage: unpact JOB [--config FILE] [--section.key value ...]\n\njobs:\n";
  for (const auto& job : job_table())
    out << "  " << job.name << std::string(12 - job.name.size(), ' ') << job.summary << "\n";
  out << "\nunpact JOB --help lists a job's options; --print-config prints the resolved configuration; --version the "
         "version.\n"
      << "exit codes: 0 done, 1 user error, 2 failure, 75 stopped at a checkpoint, please requeue\n";
  return out.str();
}

/// Jobs that look at models, data and results as they are.
std::vector<Job> asking_jobs() {
  return {{"ask",
           "Asks one or two models a question and shows which words of it decided.",
           "unpact ask --model DIR [--unlearned DIR] --prompt \"...\" [--answer \"...\"] [--json]\n"
           "       unpact ask --model DIR [--unlearned DIR] --input FILE|- [--json]",
           {"run", "model", "endpoint", "ask", "prompt", "generation", "attribution"},
           run_ask},
          {"attribute",
           "Answers every question of a dataset and attributes the answers to the prompts' tokens, for one model.",
           "unpact attribute --model DIR --dataset NAME --config FILE [--attribution.method METHOD] [--output DIR]\n"
           "       unpact attribute --tune --model DIR --dataset NAME --config FILE [--output DIR]",
           {"run", "model", "endpoint", "prompt", "dataset", "generation", "attribution", "judge"},
           run_attribute},
          {"evaluate",
           "Compares a target with an unlearned model: outcomes, focus shift, recovery and destruction.",
           "unpact evaluate --model DIR --unlearned DIR --dataset NAME --config FILE [--output DIR]",
           {"run", "model", "endpoint", "evaluate", "prompt", "dataset", "generation", "attribution", "judge", "probe",
            "method"},
           run_evaluate},
          {"inspect",
           "Says what a model, tokenizer, dataset, results file, this machine or its network is.",
           "unpact inspect model DIR [--inspect.quick true] [--inspect.ranks W] [--json]\n"
           "       unpact inspect results FILE\n"
           "       unpact inspect results DIR [--watch [SECONDS]]\n"
           "       unpact inspect tokenizer|dataset|machine|network [PATH]",
           {"inspect", "dataset", "prompt"},
           run_inspect},
          {"probe",
           "Writes the forget questions for attackers who have prompts of their own, or has a local model write attempts.",
           "unpact probe --export FILE|- --dataset NAME --config FILE\n"
           "       unpact probe --export FILE|- --export.results CELL.h5\n"
           "       unpact probe --export FILE|- --probe.generator DIR --dataset NAME --config FILE",
           {"run", "export", "probe", "dataset", "prompt", "model", "generation"},
           run_export}};
}

/// Jobs that make a model.
std::vector<Job> training_jobs() {
  return {{"finetune",
           "Fine-tunes a model on a dataset: the target, a reinforced or a retrained model.",
           "unpact finetune --config FILE [--output DIR]",
           {"run", "model", "prompt", "dataset", "finetune", "train"},
           run_finetune},
          {"unlearn",
           "Makes a model forget the forget set.",
           "unpact unlearn --model DIR --method NAME --dataset NAME --config FILE [--output DIR]",
           {"run", "model", "prompt", "dataset", "unlearn", "method", "train"},
           run_unlearn}};
}

/// Jobs over many models, datasets and methods.
std::vector<Job> campaign_jobs() {
  return {{"reproduce",
           "Runs a whole campaign: every model, dataset, method and seed that it names. Finished cells are skipped.",
           "unpact reproduce --config FILE [--dry-run [--plan.gpu NAME] [--plan.gpus N] [--json]]",
           {"run", "campaign", "plan", "model", "prompt", "dataset", "finetune", "unlearn", "method", "train", "generation",
            "attribution", "judge", "probe"},
           run_reproduce},
          {"collect",
           "Builds campaign.h5 from the cells of a campaign's folder.",
           "unpact collect --output DIR",
           {"run"},
           run_collect},
          {"status",
           "Says how a campaign stands: finished, running (where, at which step), failed, missing, and what is left.",
           "unpact status DIR [--watch [SECONDS]] [--json]",
           {"status"},
           nullptr,
           run_status}};
}

}  // namespace

const std::vector<Job>& job_table() {
  static const std::vector<Job> table = [] {
    std::vector<Job> all;
    for (const auto& jobs : {asking_jobs(), training_jobs(), campaign_jobs()})
      all.insert(all.end(), jobs.begin(), jobs.end());
    std::sort(all.begin(), all.end(), [](const Job& a, const Job& b) { return a.name < b.name; });
    return all;
  }();
  return table;
}

const Job& job_named(const std::string& name) {
  const auto& jobs = job_table();
  const auto job = std::find_if(jobs.begin(), jobs.end(), [&](const Job& j) { return j.name == name; });
  if (job != jobs.end()) return *job;
  std::vector<std::string> names;
  for (const auto& known : jobs) names.push_back(known.name);
  const auto near = closest_match(name, names);
  throw UserError(concat("unknown job '", name, "'"), concat("known: ", join(names, ", ")),
                  near.empty() ? std::string("see `unpact --help`") : concat("did you mean '", near, "'?"));
}

std::string help_text(const std::string& name) {
  if (name.empty()) return help_of_program();
  const auto& job = job_named(name);
  std::ostringstream out;
  out << job.summary << "\n\nusage: " << job.usage << "\n";
  Configuration defaults;
  const auto table = option_table(defaults);
  for (const auto& section : job.sections) {
    out << "\n[" << section << "]\n";
    for (const auto& option : table) {
      if (option.key.substr(0, option.key.find('.')) != section) continue;
      const auto key = concat("  --", option.key);
      const auto value = value_text(option);
      out << key << std::string(key.size() < 36 ? 36 - key.size() : 1, ' ') << option.help
          << (value.empty() ? "" : concat(" (", value, ")")) << "\n";
    }
    if (section == "method") out << forget_kinds_text();
  }
  return out.str();
}

void require_token_removal(const Configuration& c, const std::string& job) {
  const auto& settings = c.attribution.settings;
  UNPACT_VALIDATE(settings.unit == RemovalUnit::token,
                  concat("option 'attribution.unit' is '", name_of_value(settings.unit), "'"),
                  concat(job, " takes out one token at a time"), "remove it, or use `unpact attribute`");
  UNPACT_VALIDATE(settings.verify == 0, concat("option 'attribution.verify' is ", settings.verify),
                  concat(job, " verifies nothing"), "remove it, or use `unpact attribute`");
}

void refuse_generator(const Configuration& c) {
  UNPACT_VALIDATE(c.exported.generator.empty(), "option 'probe.generator' would change nothing here",
                  "attempts are written once, before models are compared",
                  "unpact probe --export FILE --probe.generator DIR writes them; --probe.file FILE asks them");
}

void require_model(const Configuration& c) {
  UNPACT_VALIDATE(!c.model.path.empty() || !c.model.endpoint.url.empty(), "no model was given",
                  "this job works on an existing checkpoint", "add --model DIR");
}

}  // namespace unpact
