#pragma once
/// Probes that try to win forgotten answers back, with equal budgets of attempts.
///
/// A probe is a class in a file of its own (src/evaluation/probes) and a row of probe_table(). Records, files, tables and
/// reports take its name, label and kind from there.
///
/// Legend: P = probed questions, m = attempts a question.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unpact/evaluation/evaluation_options.hpp"
#include "unpact/evaluation/finished_pages.hpp"
#include "unpact/evaluation/questions.hpp"
#include "unpact/results/probe.hpp"

namespace unpact {

/// What a probe is given.
struct ProbeTask {
  const Communicator& group;
  const LanguageModel& model;  ///< the unlearned one
  const std::vector<AskedQuestion>& questions;
  const std::vector<std::size_t>& probed;             ///< P: indices of the questions to win back
  const std::vector<std::vector<std::string>>& keys;  ///< the key words of each of `questions`; a list may be empty
  std::size_t budget = 0;                             ///< m
  AnswerStyle style = AnswerStyle::text;              ///< choice: the likeliest letter instead of a greedy text
  PageOptions pages = {};                             ///< where attempts are kept while a job runs; none: nowhere
};

class Probe {
 public:
  virtual ~Probe() = default;
  /// Fills the record's attempt_labels (m) and answer (P x m, row-major; empty where no attempt is possible, which no
  /// judge finds right). Collective over the task's group; the same on every rank, for any number of ranks.
  virtual void attempt(const ProbeTask& task, ProbeRecord& record) const = 0;
};

/// One probe.
struct ProbeRow {
  std::string name;     ///< as options and results call it: letters, digits, _ and -
  std::string label;    ///< as people call it
  std::string summary;  ///< one line
  ProbeKind kind = ProbeKind::probe;
  std::function<std::unique_ptr<const Probe>(const ProbeOptions&, const GenerationOptions&)> make;
};

const std::vector<ProbeRow>& probe_table();

/// The rows that options.use names, in its order. @throws UserError for an unknown name or one that is there twice.
std::vector<const ProbeRow*> chosen_probes(const ProbeOptions& options, const std::vector<ProbeRow>& table = probe_table());

/// @throws UserError for probes that do not exist, phrasings that name nothing, and samples that cannot be drawn.
void check_probe_options(const ProbeOptions& options);

/// The probe's attempts, not judged yet. Collective over the task's group.
ProbeRecord run_probe(const ProbeRow& row, const ProbeOptions& options, const GenerationOptions& generation,
                      const ProbeTask& task);

/// The words behind a question's KeyTokens.
std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token);

}  // namespace unpact
