#include "unpact/data/load_dataset.hpp"

#include <set>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/data/halves.hpp"

namespace unpact {
namespace {

Dataset read_dataset(const DatasetOptions& options) {
  const QuestionFields fields{options.question_field, options.answer_field, options.choices_field, options.answer_form,
                              options.trace_field};
  switch (options.kind) {
    case DatasetKind::muse: {
      auto dataset = read_muse(options.path, options.name, fields);
      if (!options.forget_set.empty()) dataset.forget_texts = read_forget_set(options.path, options.forget_set);
      return dataset;
    }
    case DatasetKind::tofu: {
      auto dataset = read_tofu(options.path, options.retain_path, options.name, fields);
      if (!options.real_authors.empty()) dataset.real_authors = read_question_lines(options.real_authors);
      if (!options.world_facts.empty()) dataset.world_facts = read_question_lines(options.world_facts);
      return dataset;
    }
    case DatasetKind::wmdp:
    case DatasetKind::mmlu: break;
  }
  return read_multiple_choice({options.path, options.retain_path, options.forget_texts, options.retain_texts},
                              name_of_value(options.kind), options.name, fields);
}

/// A job reads its dataset several times.
void warn_once(const Dataset& dataset) {
  static std::set<std::string> said;
  for (const auto& remark : dataset_remarks(dataset))
    if (log::rank() == 0 && said.insert(concat(dataset.name, remark)).second) log::warn(concat(dataset.name, ": ", remark));
}

}  // namespace

Dataset load_dataset(const DatasetOptions& options) {
  UNPACT_VALIDATE(!options.path.empty(), "no dataset", "dataset.path is empty",
                  "give --dataset NAME (a file of datasets/) or --dataset.path DIR");
  UNPACT_VALIDATE(options.forget_set.empty() || options.kind == DatasetKind::muse,
                  concat("option 'dataset.forget_set' is set with dataset.kind = ", name_of_value(options.kind)),
                  "only MUSE's layout has such sets", "leave it out");
  auto dataset = read_dataset(options);
  if (!options.details.empty()) add_details(options.details, dataset);
  if (!options.attempts.empty()) dataset.without_question = add_attempts(options.attempts, dataset);
  UNPACT_VALIDATE(
      options.checksum.empty() || options.checksum == dataset_checksum(dataset),
      concat("the dataset ", options.name, " in ", options.path, " has another content than dataset.checksum says"),
      concat("it is ", dataset_checksum(dataset), ", not ", options.checksum),
      "find the data that were meant, or remove dataset.checksum; they must not change while a job runs");
  UNPACT_VALIDATE(!dataset.forget_questions.empty() && !dataset.retain_questions.empty(),
                  concat("the dataset ", options.name, " has an empty set"), "it needs forget and retain questions",
                  "check its folder");
  warn_once(dataset);
  dataset.halves = make_halves(dataset.retain_questions, options.held_out,
                               options.kind == DatasetKind::tofu ? kQuestionsOfTofuAuthor : 0);
  return dataset;
}

}  // namespace unpact
