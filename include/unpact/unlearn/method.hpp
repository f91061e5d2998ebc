#pragma once
/// Named unlearning methods: a forget term, token weights, a retain term and their coefficients, or a procedure. What
/// there is stands in one table (known_forget_kinds); formulas, sources and costs in docs/methods.md.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/train/trainer.hpp"
#include "unpact/unlearn/frozen_rows.hpp"
#include "unpact/unlearn/token_weighting.hpp"

namespace unpact {

struct MethodOptions {
  std::string name;              ///< in results; empty: made of forget and retain (name_of)
  std::string forget = "ga";     ///< known_forget_kinds()
  std::string retain = "none";   ///< none, gd or kl
  double forget_weight = 1.0;    ///< gamma
  double retain_weight = 1.0;    ///< lambda; RMU's alpha; PDU's first dual variable
  double beta = -1;              ///< npo, simnpo, dpo, undial; -1: the published one (default_beta)
  bool length_normalized = false;          ///< npo
  std::string npo_variant = "sequence";    ///< sequence, token_mean or muse_logit
  std::string kl_variant = "token";        ///< token, all_positions or muse_logit
  std::string weighting = "none";          ///< ga, npo, simnpo: none, wga, satimp or given
  double weight_power = -1;                ///< wga's beta, satimp's beta1; -1: 1 and 5
  double weight_complement = 1.0;          ///< satimp's beta2
  std::string weights_path;                ///< given: JSON lines, a list of one number a target each
  std::string file_checksum;               ///< SHA-256 that the file of weights or alternates must have; empty: any
  double delta = 0.0;                      ///< simnpo's margin
  std::string alternates;                  ///< dpo: answers to prefer; text lines, or JSON lines of question and answer
  std::int64_t skipped_targets = 1;        ///< ceu: leading targets of each example that are left out
  double retain_limit = 0.0;               ///< pdu: what the retain loss may be (epsilon, nats a token)
  double dual_rate = 1.0;                  ///< pdu: step of the dual variable (eta)
  std::int64_t dual_warmup = 5;            ///< pdu: epochs before it moves
  std::int64_t layer = 7;                  ///< rmu: the block whose output is steered (0-based)
  std::string trained_layers = "5,6,7";    ///< rmu: blocks whose weights train; all: every weight that h depends on
  std::string trained_weights = "mlp.down_proj.weight";  ///< rmu: names within a block, comma-separated
  double steering = 20.0;                  ///< rmu's c
  std::string rmu_mean = "tokens";         ///< tokens or sequences
  bool rmu_early_stop = true;              ///< rmu: blocks behind `layer` do not run
  double scale = 1.0;                      ///< tv's and whp's alpha
  std::string cache = "memory";            ///< frozen numbers: none, memory or disk
  double cache_gib = 64;                   ///< memory: the most a rank may take
};

/// One line of the table.
struct ForgetKind {
  std::string name, summary;
  bool takes_retain = true;     ///< else it is a procedure, or brings its own retain side
  bool takes_weighting = false;
  double default_beta = 0;      ///< 0: it has none
  double cost = 1;              ///< of a step, relative to one forward and backward pass on the forget batch
};
const std::vector<ForgetKind>& known_forget_kinds();

/// Whether the method's losses look at the target model while another one trains.
bool asks_target(const MethodOptions& method);

/// Cost of a step relative to one forward and backward pass: what a campaign orders its cells by.
double relative_cost(const MethodOptions& method);

/// The method's name: its own, or e.g. npo_gd.
std::string name_of(const MethodOptions& method);

/// The method's beta with the published value filled in.
double beta_of(const MethodOptions& method);

/// @throws UserError for an unknown term or a contradiction, naming the option.
void check_method(const MethodOptions& method);

/// What the method learns from.
struct UnlearnData {
  Examples forget, retain;
  Examples alternates = nullptr;             ///< dpo: one a forget example, the same prompt with the preferred answer
  TokenWeights given_weights = {};           ///< weighting = given
  Sampling retain_sampling = Sampling::epoch;
  std::filesystem::path cache_folder = "."; ///< cache = disk
  std::string target_fingerprint = {};       ///< checksum of the target's weights: cache files are then used again
};

struct UnlearnResult {
  Weights weights;
  std::vector<StepReport> steps;
  /// whp: the second model; the unlearned one is Transformer::contrast_with it.
  std::optional<Weights> reinforced = std::nullopt;
};

/// The unlearned model's weights; `target` stays as it is. Collective over the group.
/// With train_options.device the target's weights are views of mapped files: no rank holds them whole, losses that ask the
/// target get them unit by unit (StreamedModel). With a keeper the other ranks get no weights.
/// For tv and whp, `train_options` are the options of the reinforcing fine-tune on the forget set.
UnlearnResult unlearn(const Transformer& target, const MethodOptions& method, const TrainOptions& train_options,
                      const UnlearnData& data, Collectives& group,
                      const std::function<void(const StepReport&)>& on_step = {});

/// tv: reinforced := base - scale * (reinforced - base), weight by weight and in place
/// (Ilharco et al., arXiv 2212.04089).
void subtract_task_vector(Weights& reinforced, const Weights& base, double scale);

}  // namespace unpact
