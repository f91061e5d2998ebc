#pragma once
/// The sections of the option table, each a function that adds its rows.
#include "option_checks.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {

// Sets of what is affected, by what an option is about.
constexpr Affects kNothing{}, kTarget{Made::target}, kCell{Made::cell};
constexpr Affects kEvaluation{Made::baseline, Made::cell};  ///< how models are asked and judged
constexpr Affects kUnlearning{Made::cell, Made::training};  ///< how they forget
constexpr Affects kTraining = kTarget | kUnlearning;        ///< how any weights come about
constexpr Affects kEverything = kTraining | kEvaluation;

void add_input_options(OptionTable& table, Configuration& configuration);       ///< run, model, prompt, dataset
void add_training_options(OptionTable& table, Configuration& configuration);    ///< train, finetune, unlearn
void add_method_options(OptionTable& table, Configuration& configuration);      ///< method
void add_evaluation_options(OptionTable& table, Configuration& configuration);  ///< generation, attribution, judge, probe
void add_endpoint_options(OptionTable& table, Configuration& configuration);    ///< endpoint
void add_job_options(OptionTable& table, Configuration& configuration);         ///< campaign, plan, ask, ...

}  // namespace unpact
