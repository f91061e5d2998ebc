#include "check_configuration.hpp"

#include "unpact/core/error.hpp"
#include "unpact/core/text.hpp"
#include "unpact/evaluation/probe.hpp"
#include "unpact/evaluation/threshold_search.hpp"
#include "unpact/options/option_table.hpp"

namespace unpact {
namespace {

/// Refuses text that an INI file would give back changed: a configuration must say the same when it is read again.
/// Questions, answers and files that a single call is about are no settings and may be any text.
void check_text(const Option& option) {
  const auto* const* text = std::get_if<std::string*>(&option.value);
  const bool is_input = option.key.rfind("ask.", 0) == 0 || option.key.rfind("inspect.", 0) == 0;
  if (text == nullptr || is_input) return;
  UNPACT_VALIDATE((*text)->find_first_of("#\n\r") == std::string::npos && trim(**text) == **text,
                  concat("option '", option.key, "' holds text that a configuration file cannot"),
                  "a # starts a comment there, line ends and spaces at an end are lost",
                  option.key.rfind("prompt.", 0) == 0 ? "write \\x23 for a #, \\n for a line end, \\s for a space at an end"
                                                      : "choose text without them");
}

void check_rows(const Configuration& configuration) {
  auto copy = configuration;
  for (const auto& option : option_table(copy)) {
    check_text(option);
    if (option.check) option.check(option);
  }
}

}  // namespace

void check_configuration(const Configuration& c) {
  check_rows(c);
  check_train_options(c.finetune_training());
  check_train_options(c.unlearn_training());
  check_method(c.method);
  check_key_token_options(c.attribution.keys);
  check_attribution_settings(c.attribution.method, c.attribution.settings);
  check_probe_options(c.probe);
  judge_row(c.judge);
  c.prompt.resolve();
  read_grid_axis(c.attribution.tune_alphas, "attribution.tune_alphas");
  read_grid_axis(c.attribution.tune_betas, "attribution.tune_betas");
  UNPACT_VALIDATE(!kind_of(c.method).needs_questions || c.unlearn.form == ExampleForm::questions,
                  concat("options 'method.forget = ", c.method.forget, "' and 'unlearn.form = texts' contradict each other"),
                  "a text has no other answer", "set unlearn.form = questions");
  UNPACT_VALIDATE(!kind_of(c.method).answers_by_two || facts_of(c.attribution.method).takes_two_models,
                  concat("options 'method.forget = ", c.method.forget, "' and 'attribution.method = ", c.attribution.method,
                         "' contradict each other"),
                  "the unlearned model answers by two models, and the attribution reads the inside of one",
                  "use an attribution that removes, masks or replaces tokens, such as leave_one_out");
}

}  // namespace unpact
