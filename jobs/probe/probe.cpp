/// The job `probe`: what attackers need who have prompts of their own.
#include <filesystem>
#include <iostream>

#include "jobs/job_table.hpp"
#include "jobs/probe/question_lines.hpp"
#include "unpact/campaign/pin_dtypes.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/load_dataset.hpp"
#include "unpact/evaluation/write_attempts.hpp"
#include "unpact/model/compute_dtype.hpp"
#include "unpact/store/cell_file.hpp"

namespace unpact {
namespace fs = std::filesystem;
namespace {

void check_request(const ExportOptions& e) {
  UNPACT_VALIDATE(!e.file.empty(), "nothing says where to write", "this job writes questions or attempts",
                  "unpact probe --export FILE, or - for standard output");
  UNPACT_VALIDATE(e.generator.empty() || e.results.empty(), "export.results and probe.generator do not go together",
                  "a generator writes attempts on a dataset's questions", "leave one of them out");
  std::error_code code;
  UNPACT_VALIDATE(e.generator.empty() || fs::exists(fs::path(e.generator) / "config.json", code),
                  concat("there is no model in ", e.generator),
                  "probe.generator is to be a folder with config.json, weights and tokenizer",
                  "give one that can put a question in other words");
}

std::vector<QuestionAnswer> questions_of(const Configuration& c) {
  auto questions = load_dataset(c.dataset).forget_questions;
  const auto limit = static_cast<std::size_t>(c.dataset.limit);
  if (limit > 0 && questions.size() > limit) questions.resize(limit);
  return questions;
}

AttemptsToWrite attempts_to_write(const Configuration& c) {
  AttemptsToWrite options;
  options.instructions = c.exported.instructions.empty() ? default_instructions() : split_list(c.exported.instructions, '|');
  check_instructions(options.instructions);
  options.attempts = static_cast<std::size_t>(c.exported.attempts);
  options.generation = c.generation;
  options.generation.sample = true;
  options.generation.temperature = c.probe.temperature;
  options.generation.top_p = c.probe.top_p;
  return options;
}

/// Collective.
std::string generated(const Communicator& world, Configuration c, const std::vector<QuestionAnswer>& questions) {
  const auto options = attempts_to_write(c);
  c.model.path = c.exported.generator;
  const Session session(world, c.run);
  pin_dtypes(c, session.device());
  const auto model = load_language_model(c.model.path, c.prompt.resolve(), session.device(), weights_dtype(c.model.dtype));
  const auto written = write_attempts(world, model, questions, options);
  if (world.is_root())
    log::info(concat(written.lines.size(), " attempts on ", questions.size(), " questions by ", c.model.path,
                     "; left out: ", written.empty, " empty, ", written.equal,
                     " equal to the question or to another attempt, ", written.telling, " that tell the right answer"));
  return attempt_lines(questions, written, fs::path(c.model.path).filename().string());
}

}  // namespace

ExitCode run_export(const Communicator& world, const CommandLine&, const Configuration& c) {
  const auto& file = c.exported.file;
  if (file == "-") log::keep_stdout_for_data();
  std::string text;
  std::vector<QuestionAnswer> questions;
  fail_together(
      world,
      [&] {
        check_request(c.exported);
        if (c.exported.results.empty()) questions = questions_of(c);
        else text = question_lines(read_cell_file(c.exported.results));
      },
      Telling::error_alone);
  if (!c.exported.generator.empty()) text = generated(world, c, questions);
  else if (c.exported.results.empty()) text = question_lines(questions);
  on_root(world, [&] {
    if (file == "-") std::cout << text << std::flush;
    else write_file_atomically(file, text);
    if (file != "-") log::info(concat("Written: ", file));
  });
  return ExitCode::done;
}

}  // namespace unpact
