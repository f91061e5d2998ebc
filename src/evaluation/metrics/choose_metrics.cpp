#include <algorithm>
#include <set>

#include "unpact/core/error.hpp"
#include "unpact/evaluation/metric.hpp"

namespace unpact {
namespace {

using enum MetricNeeds;

bool is_word(const std::string& name) { return name == "auto" || name == "none"; }

std::vector<std::string> names_of_metrics() {
  std::vector<std::string> names;
  for (const auto& row : metric_table()) names.push_back(row.name);
  return names;
}

const MetricRow& metric_row(const std::string& name) {
  const auto found = std::ranges::find(metric_table(), name, &MetricRow::name);
  if (found != metric_table().end()) return *found;
  const auto names = names_of_metrics();
  const auto near = closest_match(name, names);
  throw UserError(concat("option 'evaluation.metrics' names '", name, "'"), concat("the metrics are ", join(names, ", ")),
                  near.empty() ? "choose among them, or auto" : concat("did you mean '", near, "'?"));
}

/// What is missing, and where it would come from.
struct Lack {
  std::string what, hint;
};

Lack lack_of(MetricNeeds need, const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  const auto& data = at_hand.dataset;
  const auto has_alternatives = [](const auto& pairs) {
    return std::ranges::any_of(pairs, [](const auto& pair) { return !pair.perturbed.empty(); });
  };
  switch (need) {
    case answers:
      if (at_hand.answers_are_texts) break;
      return {"answers are letters of choices", "choose a judge of texts"};
    case alternatives:
      if (has_alternatives(data.forget_questions) || has_alternatives(data.retain_questions)) break;
      return {concat("no question of the dataset ", data.name, " has perturbed answers"),
              "give files with perturbed_answer (a list) beside question and answer, such as TOFU's *_perturbed"};
    case passages:
      if (!data.passages.empty()) break;
      return {concat("the dataset ", data.name, " has no passages"),
              "put verbmem/forget.json ({prompt, gt}) into its folder"};
    case privacy_texts:
      if (!data.privacy_forget.empty() && !data.privacy_holdout.empty()) break;
      return {concat("the dataset ", data.name, " has no privacy texts"),
              "put privleak/forget.json and privleak/holdout.json into its folder"};
    case utility_sets:
      if (has_alternatives(data.real_authors) && has_alternatives(data.world_facts)) break;
      return {concat("the dataset ", data.name, " has no questions about real authors or the world with perturbed answers"),
              "set dataset.real_authors and dataset.world_facts (TOFU's *_perturbed files)"};
    case published_auc:
      if (options.published_auc > 0) break;
      return {"no published AUC is known", "set evaluation.published_auc, 0.4772 for MUSE-News and 0.5393 for MUSE-Books"};
    case retrained:
      if (!options.retrained.empty()) break;
      return {"there are no results of a retrained model",
              "run reproduce --campaign.stage targets with it and set evaluation.retrained to its baselines/NAME.h5"};
    case question_pairs:
      if (at_hand.answers_are_texts) break;
      return {"answers are letters of choices", "choose a judge of texts"};
    case gradients:
    case distribution:
      if (!options.of_endpoint) break;
      return {"a model answers over HTTP, which gives log-probabilities of given tokens alone", "leave it out"};
    case traces:
      if (std::ranges::any_of(data.forget_questions, [](const auto& pair) { return !pair.trace.empty(); })) break;
      return {concat("the questions of the dataset ", data.name, " have no traces of thought"),
              "name their field in dataset.trace_field"};
    case gold_answers:
    case outcomes:
    case probes:
    case target_model: break;
  }
  return {};
}

Lack lack_of(const MetricRow& row, const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  Lack lack;
  for (const auto need : row.needs)
    if (lack.what.empty()) lack = lack_of(need, options, at_hand);
  return lack;
}

void add_with_used(const MetricRow& row, std::set<std::string>& names) {
  if (!names.insert(row.name).second) return;
  for (const auto& used : row.uses) add_with_used(metric_row(used), names);
}

}  // namespace

bool names_metric_that(const MetricOptions& options, MetricNeeds need) {
  return std::ranges::any_of(split_list(options.use), [&](const auto& name) {
    return !is_word(name) && std::ranges::count(metric_row(name).needs, need) > 0;
  });
}

void check_metric_options(const MetricOptions& options) {
  const auto names = split_list(options.use);
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!is_word(name)) metric_row(name);
    UNPACT_VALIDATE(seen.insert(name).second, concat("option 'evaluation.metrics' names '", name, "' twice"),
                    "its results have one place", "remove one");
    UNPACT_VALIDATE(name != "none" || names.size() == 1, concat("option 'evaluation.metrics' is '", options.use, "'"),
                    "'none' stands alone", "remove it, or the others");
  }
}

std::vector<const MetricRow*> chosen_metrics(const MetricOptions& options, const MetricInputsAtHand& at_hand) {
  check_metric_options(options);
  std::set<std::string> names;
  for (const auto& name : split_list(options.use)) {
    if (name == "none") continue;
    if (name == "auto") {
      for (const auto& row : metric_table())
        if (row.in_auto && lack_of(row, options, at_hand).what.empty()) names.insert(row.name);
      continue;
    }
    const auto lack = lack_of(metric_row(name), options, at_hand);
    UNPACT_VALIDATE(lack.what.empty(), concat("the metric '", name, "' cannot be computed"), lack.what, lack.hint);
    add_with_used(metric_row(name), names);
  }
  std::vector<const MetricRow*> chosen;
  for (const auto& row : metric_table())
    if (names.contains(row.name)) chosen.push_back(&row);
  return chosen;
}

}  // namespace unpact
