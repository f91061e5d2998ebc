#pragma once
/// For tests: probes by name, with the options that they heed.
#include "support/tiny_language_model.hpp"
#include "unpact/evaluation/probe.hpp"

namespace unpact::testing_support {

inline const ProbeRow& probe_named(const std::string& name) {
  for (const auto& row : probe_table())
    if (row.name == name) return row;
  throw std::out_of_range(name);
}

inline ProbeRecord focus_on_key(const Communicator& group, const LanguageModel& model,
                                const std::vector<AskedQuestion>& questions, const std::vector<std::size_t>& probed,
                                const std::vector<std::vector<std::string>>& keys, const std::vector<std::string>& phrasings,
                                const GenerationOptions& generation, AnswerStyle style = AnswerStyle::text) {
  ProbeOptions options;
  options.phrasings = join(phrasings, " | ");
  return run_probe(probe_named("focus_on_key"), options, generation,
                   {group, model, questions, probed, keys, phrasings.size(), style});
}

inline ProbeRecord probab(const Communicator& group, const LanguageModel& model, const std::vector<AskedQuestion>& questions,
                          const std::vector<std::size_t>& probed, std::size_t samples, const GenerationOptions& generation,
                          AnswerStyle style = AnswerStyle::text) {
  ProbeOptions options;
  options.temperature = generation.temperature;
  options.top_p = generation.top_p;
  const std::vector<std::vector<std::string>> no_keys(questions.size());
  return run_probe(probe_named("probab"), options, generation, {group, model, questions, probed, no_keys, samples, style});
}

}  // namespace unpact::testing_support
