#include "calibrate_mix.hpp"

#include <optional>
#include <utility>

#include "choose_point.hpp"
#include "trajectory.hpp"
#include "unpact/campaign/judge_model.hpp"
#include "unpact/campaign/mapped_models.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/evaluation/light_evaluation.hpp"
#include "unpact/kernels/tf32_products.hpp"
#include "unpact/model/mixed_weights.hpp"

namespace unpact {
namespace {

constexpr int kBisections = 7;  // shares in steps of 1/128

/// Mixtures of one model with its target, one at a time.
class Mixer {
 public:
  Mixer(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
        const LanguageModel& unlearned)
      : session_(session), group_(group), baseline_(baseline), c_(c), unlearned_(unlearned),
        questions_(questions_of_cell(baseline, c)) {
    std::vector<std::uint8_t> held_out;
    for (const auto half : questions_.half) held_out.push_back(half == static_cast<std::uint8_t>(Half::held_out));
    held_out.resize(questions_.split.size());
    roles_ = point_roles(baseline.questions, held_out, c.dataset.kind);
    for (std::size_t q = 0; q < roles_.size(); ++q) {
      if (roles_[q] != static_cast<std::uint8_t>(PointRole::choose)) continue;
      asked_.push_back(baseline.questions[q]);
      target_right_ += !baseline.questions[q].in_forget_set && baseline.record.target.is_right[q] != 0;
    }
    if (is_sharded(unlearned.transformer))
      pieces_ = cut_mapped(session, group, baseline.target.transformer, pieces_of(unlearned.transformer).dtype());
  }

  std::uint64_t target_right() const { return target_right_; }
  const std::vector<std::uint8_t>& roles() const { return roles_; }

  LanguageModel mix(double share) const {
    auto model = unlearned_;
    if (share == 0) return model;
    const auto& own = unlearned_.transformer;
    const auto& config = own.config();
    model.transformer =
        pieces_ ? mixed_on_shards(group_, *pieces_, own, share)
                : Transformer(config, mixed_weights(config, baseline_.target.transformer.weights(), own.weights(), share));
    return model;
  }

  MixPoint evaluate(double share) const {
    const kernels::Tf32Products products(c_.model.dtype == ModelDtype::tf32);
    const auto model = mix(share);
    const auto options = open_judge(session_, group_, c_, baseline_.judge);
    const auto answers = answer_lightly(group_, model, asked_, options, baseline_.record.judge_check);
    MixPoint point{share};
    for (std::size_t i = 0; i < asked_.size(); ++i) {
      const bool is_right = answers.is_right[i] != 0;
      (asked_[i].in_forget_set ? point.forget_right : point.retain_right) += is_right;
      ++(asked_[i].in_forget_set ? point.forget_asked : point.retain_asked);
    }
    return point;
  }

 private:
  const Session& session_;
  const Communicator& group_;
  const Baseline& baseline_;
  const Configuration& c_;
  const LanguageModel& unlearned_;
  QuestionRecord questions_;
  std::vector<std::uint8_t> roles_;
  std::vector<AskedQuestion> asked_;
  std::uint64_t target_right_ = 0;
  std::optional<WeightPieces> pieces_;  ///< of the target, where the model lies on shards
};

}  // namespace

Calibrated calibrate_mix(const Session& session, const Communicator& group, const Baseline& baseline, const Configuration& c,
                         LanguageModel unlearned) {
  const Mixer mixer(session, group, baseline, c, unlearned);
  MixRecord record;
  record.keep = c.unlearn.mix_keep;
  record.target_right = mixer.target_right();
  const double enough = record.keep * static_cast<double>(record.target_right);
  const auto keeps = [&](double share) {
    record.points.push_back(mixer.evaluate(share));
    return static_cast<double>(record.points.back().retain_right) >= enough;
  };
  double low = 0, high = 0;
  if (!keeps(0)) {
    high = 1;
    for (int i = 0; i < kBisections; ++i) {
      const double middle = (low + high) / 2;
      (keeps(middle) ? high : low) = middle;
    }
  }
  record.share = high;
  if (group.is_root())
    log::info(concat("Mixed with ", high, " of the target: it keeps ", c.unlearn.mix_keep, " of the ", record.target_right,
                     " held-out retain answers that decide"));
  return {mixer.mix(high), std::move(record), mixer.roles()};
}

}  // namespace unpact
