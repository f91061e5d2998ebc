#pragma once
/// The table of forget terms and procedures: every fact about one stands in its row, and nobody else asks for a name.
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "unpact/checkpoint/config.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/method_options.hpp"

namespace unpact {

struct MethodRun;      // private to this layer, as is
struct TermInputs;     // what a term is made of
struct UnlearnResult;  // method.hpp

/// What a kind does with the retain set.
enum class RetainSide {
  optional,  ///< goes with any retain term, or none
  required,  ///< needs a retain term
  own,       ///< brings its own
};

/// A file that a method cannot do without.
struct NeededFile {
  std::string option;  ///< the key in [method] that names it
  std::string MethodOptions::*path;
  std::string reason, hint;  ///< for who has not named one
};

/// One row of the table.
struct ForgetKind {
  std::string name, summary;
  RetainSide retain_side = RetainSide::optional;
  bool takes_weighting = false;
  bool takes_probabilities = true;  ///< weights, too, that follow the trained model's probabilities
  double default_beta = 0;          ///< 0: it has none
  double cost = 1;                  ///< of a step, relative to one forward and backward pass on the forget batch
  bool asks_target = false;         ///< its loss looks at the target model while another one trains
  bool keeps_states = false;        ///< of the target's hidden states, not log-probabilities: each step makes logits of them
  bool skips_targets = false;       ///< of each example, as many as method.skipped_targets says
  bool needs_questions = false;     ///< texts have not what it needs
  bool answers_by_two = false;      ///< the result is two models (UnlearnResult::reinforced)
  const NeededFile* file = nullptr;
  std::set<std::string> own_options = {};  ///< keys of [method] that are refused beside a kind that does not list them

  /// The names of the weights that train; null: all do. @throws UserError for options that do not fit the model.
  std::set<std::string> (*trained_weights)(const MethodOptions&, const ModelConfig&) = nullptr;
  /// How the retain term's coefficient follows the training; null: it stays. @param forget_examples how many there are.
  CoefficientRule (*retain_rule)(const MethodOptions&, const TrainOptions&, std::int64_t forget_examples) = nullptr;
  /// Either the term that a training with a retain term takes (may be collective), or a procedure of its own.
  std::unique_ptr<LossTerm> (*make_term)(const TermInputs&) = nullptr;
  UnlearnResult (*procedure)(const MethodRun&) = nullptr;

  /// Whether the training has a term on the retain set, whoever brings it.
  bool has_retain_term(RetainKind retain) const {
    return retain_side == RetainSide::own || (takes_retain() && retain != RetainKind::none);
  }
  bool takes_retain() const { return retain_side == RetainSide::optional || retain_side == RetainSide::required; }
};

/// In the order in which help texts and campaigns have them.
const std::vector<ForgetKind>& known_forget_kinds();

/// The row of the method's forget term. @throws UserError for a name that the table has not.
const ForgetKind& kind_of(const MethodOptions& method);

/// The file that the method cannot do without, or null.
const NeededFile* needed_file(const MethodOptions& method);

/// Where that file lies; empty: the method needs none.
std::string path_of_needed_file(const MethodOptions& method);

/// Whether such weights stand before the training: numbers of a file, of the data or of the target.
bool weighs_by_place(WeightingKind weighting);

/// Whether the method's losses look at the target model while another one trains.
bool asks_target(const MethodOptions& method);

/// Which weights of the model the method trains, by name. @throws UserError for options that do not fit the model.
std::function<bool(const std::string&)> weights_trained_by(const MethodOptions& method, const ModelConfig& config);

/// Cost of a step relative to one forward and backward pass: what a campaign orders its cells by.
double relative_cost(const MethodOptions& method);

/// The method's name: its own, or e.g. npo_gd.
std::string name_of(const MethodOptions& method);

/// The method's beta with the published value filled in.
double beta_of(const MethodOptions& method);

/// @throws UserError for an unknown term or a contradiction, naming the option.
void check_method(const MethodOptions& method);

}  // namespace unpact
