#include "unpact/data/load_dataset.hpp"

#include "unpact/core/error.hpp"
#include "unpact/data/halves.hpp"

namespace unpact {
namespace {

Dataset read_dataset(const DatasetOptions& options) {
  switch (options.kind) {
    case DatasetKind::muse: return read_muse(options.path, options.name);
    case DatasetKind::tofu: return read_tofu(options.path, options.retain_path, options.name);
    case DatasetKind::wmdp:
    case DatasetKind::mmlu: break;
  }
  return read_multiple_choice({options.path, options.retain_path, options.forget_texts, options.retain_texts},
                              name_of_value(options.kind), options.name);
}

}  // namespace

Dataset load_dataset(const DatasetOptions& options) {
  UNPACT_VALIDATE(!options.path.empty(), "no dataset", "dataset.path is empty",
                  "give --dataset NAME (a file of datasets/) or --dataset.path DIR");
  auto dataset = read_dataset(options);
  if (!options.details.empty()) add_details(options.details, dataset);
  UNPACT_VALIDATE(
      options.checksum.empty() || options.checksum == dataset_checksum(dataset),
      concat("the dataset ", options.name, " in ", options.path, " has another content than dataset.checksum says"),
      concat("it is ", dataset_checksum(dataset), ", not ", options.checksum),
      "find the data that were meant, or remove dataset.checksum; they must not change while a job runs");
  UNPACT_VALIDATE(!dataset.forget_questions.empty() && !dataset.retain_questions.empty(),
                  concat("the dataset ", options.name, " has an empty set"), "it needs forget and retain questions",
                  "check its folder");
  constexpr std::size_t kQuestionsOfTofuAuthor = 20;
  dataset.halves = make_halves(dataset.retain_questions, options.held_out,
                               options.kind == DatasetKind::tofu ? kQuestionsOfTofuAuthor : 0);
  return dataset;
}

}  // namespace unpact
