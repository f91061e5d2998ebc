#pragma once
/// Probes that try to win forgotten answers back, with equal budgets of attempts.
///
/// A probe is a class in a file of its own (src/evaluation/probes) and a row of probe_table(). Records, files, tables and
/// reports take its name, label and kind from there.
///
/// Legend: P = probed questions, m = attempts a question.
#include <functional>
#include <memory>
#include <set>
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
  std::uint64_t seed = 0;                             ///< of words that are drawn
  std::vector<std::uint8_t> named_by = {};            ///< an Asked: how each list of key words came about; empty: yes
  std::string stage = "probe_";                       ///< who is probed: ProbedModel::stage (ask_probes.hpp)
};

class Probe {
 public:
  virtual ~Probe() = default;
  /// Fills the record's attempt_labels (m), answer (P x m, row-major; empty where no attempt is possible, which no judge
  /// finds right), `asked` where some question may not be askable, `put` where it puts another question than that of the
  /// dataset, `prompt` where that is not put() as the dataset's is, `tokens` where more ran than the prompt, `gold` where
  /// another answer is right, and `found` where it says itself what is right. Collective over the task's group; the same on
  /// every rank, for any number of ranks.
  virtual void attempt(const ProbeTask& task, ProbeRecord& record) const = 0;
};

/// One probe.
struct ProbeRow {
  std::string name;     ///< as options and results call it: letters, digits, _ and -
  std::string label;    ///< as people call it
  std::string summary;  ///< one line
  ProbeKind kind = ProbeKind::probe;
  std::function<std::unique_ptr<const Probe>(const ProbeOptions&, const GenerationOptions&)> make;
  std::size_t variants = 0;   ///< attempts that it has on a question; 0: any number, or as many as it is asked for
  std::size_t shown = 0;      ///< solved questions that it puts in front
  bool reads_layers = false;  ///< looks at hidden states behind the prompt and the gold answer; says itself what is right
  bool of_file = false;       ///< stands for the probes of probe.file, each under its own name
  /// Attempts that it has on a question whatever the others have: one a model that it makes of the probed one, which are put
  /// the plain question; empty: as many as they.
  std::function<std::size_t(const ProbeOptions&)> models = {};
  bool trains = false;  ///< `make` is given by who can train (src/campaign/weight_probes.hpp); not asked of retain questions
};

const std::vector<ProbeRow>& probe_table();

/// The rows that options.use names, in its order. @throws UserError for an unknown name or one that is there twice.
std::vector<const ProbeRow*> chosen_probes(const ProbeOptions& options, const std::vector<ProbeRow>& table = probe_table());

/// @throws UserError for probes that do not exist, phrasings that name nothing, and samples that cannot be drawn.
void check_probe_options(const ProbeOptions& options);

/// Whether some chosen probe makes other models of the probed one, each beside it in memory.
bool asks_changed_models(const ProbeOptions& options);

/// @throws UserError for such a probe and a judge that scores by the model that was there before.
void check_changed_models(const ProbeOptions& options, const JudgeOptions& judge);

/// @throws UserError for relearn.data and relearn.file that contradict each other.
void check_relearn_options(const ProbeOptions& options);

/// Whether a solved question is another one, or tells its answer.
bool tells(const QuestionAnswer& shown, const QuestionAnswer& asked);

/// The probes that written attempts name.
std::set<std::string> probes_written_for(const std::vector<const QuestionAnswer*>& pairs);

/// @throws UserError for none, and for names of built-in probes.
void check_written_names(const std::set<std::string>& names);

/// Before anything is asked or trained: warns of written attempts without their question, of questions without attempts, and
/// of attempts that tell the answer. @param limit that many questions are asked, 0: all. @throws UserError as
/// check_written_names() where the probe `file` is chosen.
void check_written_attempts(const ProbeOptions& options, const Dataset& dataset, std::size_t limit);

/// The chosen rows, with a row for each probe that the questions' written attempts name instead of the row of files, in the
/// order of their names.
std::vector<ProbeRow> rows_to_run(const ProbeOptions& options, const std::vector<AskedQuestion>& questions,
                                  const std::vector<ProbeRow>& table = probe_table());

/// The probe's attempts, not judged yet. Collective over the task's group.
ProbeRecord run_probe(const ProbeRow& row, const ProbeOptions& options, const GenerationOptions& generation,
                      const ProbeTask& task);

/// The words behind a question's KeyTokens.
std::vector<std::string> key_words(const AskedQuestion& question, const std::vector<std::uint8_t>& is_key_token);

/// Every word of a question, in its order, each once.
std::vector<std::string> words_of_question(const AskedQuestion& question);

/// The prompt of a question that is put in other words: with the same examples, introduction and choices.
std::vector<TokenId> prompt_of(const LanguageModel& model, const AskedQuestion& asked, const std::string& question);

/// The prompt goes on with a text that begins the answer.
void begin_answer(const LanguageModel& model, const std::string& text, std::vector<TokenId>& prompt);

/// What probes name of each question.
struct NamedWords {
  std::vector<std::vector<std::string>> words;
  std::vector<std::uint8_t> named_by;  ///< an Asked
};

/// The words behind each question's KeyTokens; where the absolute floor leaves none, those whose contributions are positive
/// and reach the relative floor `alpha`; none where no contribution is positive.
NamedWords words_to_name(const std::vector<AskedQuestion>& questions, const ContributionRecord& contributions, double alpha);

}  // namespace unpact
