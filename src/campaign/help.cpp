#include <map>
#include <sstream>

#include "option_table.hpp"
#include "unpact/core/error.hpp"
#include "unpact/unlearn/method.hpp"

namespace unpact {
namespace {

struct JobHelp {
  const char *summary, *usage;
  std::vector<std::string> sections;
};

const std::map<std::string, JobHelp>& jobs() {
  static const std::map<std::string, JobHelp> table = {
      {"finetune", {"Fine-tunes a model on a dataset: the target, a reinforced or a retrained model.",
                    "unpact finetune --config FILE [--output DIR]", {"run", "model", "prompt", "dataset", "finetune", "train"}}},
      {"unlearn", {"Makes a model forget the forget set.",
                   "unpact unlearn --model DIR --method NAME --dataset NAME --config FILE [--output DIR]",
                   {"run", "model", "prompt", "dataset", "unlearn", "method", "train"}}},
      {"attribute", {"Answers every question of a dataset and attributes the answers to the prompts' tokens, for one model.",
                     "unpact attribute --model DIR --dataset NAME --config FILE [--attribution.method METHOD] [--output DIR]\n"
                     "       unpact attribute --tune --model DIR --dataset NAME --config FILE [--output DIR]",
                     {"run", "model", "prompt", "dataset", "generation", "attribution", "judge"}}},
      {"evaluate", {"Compares a target with an unlearned model: outcomes, focus shift, recovery and destruction.",
                    "unpact evaluate --model DIR --unlearned DIR --dataset NAME --config FILE [--output DIR]",
                    {"run", "model", "evaluate", "prompt", "dataset", "generation", "attribution", "judge", "probe", "method"}}},
      {"reproduce", {"Runs a whole campaign: every model, dataset, method and seed that it names. Finished cells are skipped.",
                     "unpact reproduce --config FILE",
                     {"run", "campaign", "model", "prompt", "dataset", "finetune", "unlearn", "method", "train", "generation", "attribution",
                      "judge", "probe"}}},
      {"collect", {"Builds campaign.h5 from the cells of a campaign's folder.", "unpact collect --output DIR", {"run"}}},
      {"inspect", {"Says what a model, tokenizer, dataset, results file or this machine is.",
                   "unpact inspect model DIR [--inspect.quick true] [--inspect.ranks W] [--json]\n"
                   "       unpact inspect tokenizer|dataset|results|machine [PATH]", {"inspect", "dataset", "prompt"}}},
      {"ask", {"Asks one or two models a question and shows which words of it decided.",
               "unpact ask --model DIR [--unlearned DIR] --prompt \"...\" [--answer \"...\"] [--json]\n"
               "       unpact ask --model DIR [--unlearned DIR] --input FILE|- [--json]",
               {"run", "model", "ask", "prompt", "generation", "attribution"}}}};
  return table;
}

/// The forget terms and procedures, and what goes with them.
std::string forget_kinds_text() {
  std::string text = "\n  forget terms (docs/methods.md has formulas and sources):\n";
  for (const auto& kind : known_forget_kinds())
    text += concat("    ", kind.name, std::string(10 - kind.name.size(), ' '), kind.summary,
                   kind.takes_retain ? "" : " [no retain term]", kind.takes_weighting ? " [weighting]" : "", "\n");
  return text;
}

}  // namespace

std::string help_text(const std::string& job) {
  std::ostringstream out;
  if (job.empty()) {
    out << "unpact: has an unlearned language model forgotten, hidden or lost its knowledge?\n\n"
        << "usage: unpact JOB [--config FILE] [--section.key value ...]\n\njobs:\n";
    for (const auto& [name, help] : jobs()) out << "  " << name << std::string(12 - name.size(), ' ') << help.summary << "\n";
    out << "\nunpact JOB --help lists a job's options; --print-config prints the resolved configuration; --version the version.\n"
        << "exit codes: 0 done, 1 user error, 2 failure, 75 stopped at a checkpoint, please requeue\n";
    return out.str();
  }
  const auto it = jobs().find(job);
  if (it == jobs().end()) {
    std::vector<std::string> names;
    for (const auto& [name, help] : jobs()) names.push_back(name);
    const auto near = closest_match(job, names);
    throw UserError(concat("unknown job '", job, "'"), concat("known: ", join(names, ", ")),
                    near.empty() ? std::string("see `unpact --help`") : concat("did you mean '", near, "'?"));
  }
  out << it->second.summary << "\n\nusage: " << it->second.usage << "\n";
  Configuration defaults;
  const auto table = option_table(defaults);
  for (const auto& section : it->second.sections) {
    out << "\n[" << section << "]\n";
    for (const auto& option : table) {
      if (option.key.substr(0, option.key.find('.')) != section) continue;
      const auto name = concat("  --", option.key);
      const auto value = value_text(option);
      out << name << std::string(name.size() < 36 ? 36 - name.size() : 1, ' ') << option.help
          << (value.empty() ? "" : concat(" (", value, ")")) << "\n";
    }
    if (section == "method") out << forget_kinds_text();
  }
  return out.str();
}

}  // namespace unpact
