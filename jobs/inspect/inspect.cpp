#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "jobs/inspect/inspect_parts.hpp"
#include "jobs/inspect/model_inspection.hpp"
#include "jobs/job_table.hpp"
#include "unpact/campaign/launch_checks.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/run_identity.hpp"
#include "unpact/core/version.hpp"
#include "unpact/data/load_dataset.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

bool inspect_model(const InspectOptions& options) {
  if (options.json) log::keep_stdout_for_data();
  const auto found = inspect_checkpoint(options.path, options.ranks, options.quick);
  if (options.json) std::cout << inspection_json(found).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  else print_inspection(found);
  return found.usable();
}

std::string questions_text(const std::vector<QuestionAnswer>& questions, std::size_t examples) {
  const auto with_choices =
      std::count_if(questions.begin(), questions.end(), [](const auto& pair) { return !pair.choices.empty(); });
  return concat(questions.size(), with_choices > 0 ? concat(", ", with_choices, " with choices") : std::string(), ", ",
                examples, " in-context examples");
}

void inspect_dataset(const Configuration& c) {
  auto options = c.dataset;
  if (!c.inspect.path.empty()) options.path = c.inspect.path;
  const auto dataset = load_dataset(options);
  line("dataset", concat(dataset.name, " (", dataset.kind, ")"));
  line("forget questions", questions_text(dataset.forget_questions, dataset.forget_examples.size()));
  line("retain questions", questions_text(dataset.retain_questions, dataset.retain_examples.size()));
  line("forget texts", concat(dataset.forget_texts.size()));
  line("retain texts", concat(dataset.retain_texts.size()));
  line("verbatim passages", concat(dataset.passages.size()));
  line("privacy texts", concat(dataset.privacy_forget.size(), " forget, ", dataset.privacy_retain.size(), " retain, ",
                               dataset.privacy_holdout.size(), " holdout"));
  if (const auto pairs = dataset.real_authors.size() + dataset.world_facts.size(); pairs > 0)
    line("questions of utility",
         concat(dataset.real_authors.size(), " about authors, ", dataset.world_facts.size(), " about the world"));
  line("focus questions", concat(dataset.focus_questions.size()));
  for (const auto& remark : dataset_remarks(dataset)) line("remark", remark);
  line("first forget question",
       concat(dataset.forget_questions.front().question, " -> ", dataset.forget_questions.front().answer));
}

void inspect_machine(const Session& session) {
  line("unpact", concat(version(), ", commit ", git_commit(), ", ", build_type(), ", ", compiler()));
  for (const auto& [name, text] : library_versions()) line(name, text);
  line("ranks", concat(session.world().size()));
}

/// Collective: a line a rank.
void inspect_ranks(const Session& session) {
  const auto& world = session.world();
  const auto driver = describe_driver(session.device());
  const auto own = concat(run_identity().describe(), ", ", session.devices()[static_cast<std::size_t>(world.rank())],
                          driver.empty() ? "" : ", ", driver);
  const auto clocks = clock_differences(world);
  const auto ranks = world.all_gather(own);
  if (!world.is_root()) return;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    std::ostringstream clock;
    clock << std::showpos << std::fixed << std::setprecision(3) << clocks[r];
    line(concat("rank ", r), r == 0 ? ranks[r] : concat(ranks[r], ", clock ", clock.str(), " s"));
  }
}

}  // namespace

void line(const std::string& name, const std::string& value) {
  if (name.empty()) std::cout << std::string(23, ' ') << value << "\n";
  else std::cout << name << ":" << std::string(name.size() < 22 ? 22 - name.size() : 1, ' ') << value << "\n";
}

namespace {

/// On the root alone. @return whether what was looked at can be used.
bool inspect_what(const Configuration& c) {
  const auto& what = c.inspect.what;
  const auto& path = c.inspect.path;
  UNPACT_VALIDATE(what == "dataset" || !path.empty(), "nothing to inspect", "inspect needs a kind and a path",
                  "unpact inspect model|tokenizer|dataset|results PATH, or unpact inspect machine|network");
  UNPACT_VALIDATE(!c.inspect.json || what == "model", "--json is not for this kind", "only `inspect model` prints an object",
                  what == "tokenizer" ? "--input FILE makes `inspect tokenizer` print JSON lines" : "leave it out");
  if (what == "model") return inspect_model(c.inspect);
  if (what == "tokenizer") return inspect_tokenizer(path, c.ask.input);
  if (what == "dataset") inspect_dataset(c);
  else if (what == "results") inspect_results(path, c.inspect.watch);
  else
    throw UserError(concat("unpact inspect does not know '", what, "'"),
                    "known: model, tokenizer, dataset, results, machine, network", "unpact inspect model DIR");
  return true;
}

}  // namespace

ExitCode run_inspect(const Communicator& world, const CommandLine&, const Configuration& c) {
  UNPACT_VALIDATE(c.inspect.watch == 0 || c.inspect.what == "results", "--watch is not for this kind",
                  "only the results of a campaign's folder change", "leave it out");
  if (c.inspect.what == "machine") {
    const Session session(world, c.run);  // collective
    if (world.is_root()) inspect_machine(session);
    inspect_ranks(session);
    return ExitCode::done;
  }
  if (c.inspect.what == "network") {
    inspect_network(Session(world, c.run));  // collective
    return ExitCode::done;
  }
  const bool usable = !world.is_root() || inspect_what(c);
  return world.sum(std::int64_t{usable ? 0 : 1}) == 0 ? ExitCode::done : ExitCode::user_error;
}

}  // namespace unpact
