#include "unpact/attribution/method.hpp"

#include "noise_floor.hpp"
#include "passes.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/encoder_decoder.hpp"
#include "unpact/model/remote_model.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

/// The exact definition, by the engine of the configuration.
class LeaveOneOut : public AttributionMethod {
 public:
  explicit LeaveOneOut(std::unique_ptr<LeaveOneOutEngine> engine) : engine_(std::move(engine)) {}

  const LeaveOneOutEngine* engine() const override { return engine_.get(); }
  std::vector<std::vector<double>> equal_scores(const Transformer& model, const AttributionTask& task) const override {
    return scores_by_engine(*engine_, model, task);
  }

 protected:
  Attribution attribute(const Transformer& model, const AttributionTask& task, std::uint64_t) const override {
    return attribution_of(engine_->run(model, task));
  }

 private:
  std::unique_ptr<LeaveOneOutEngine> engine_;
};

}  // namespace

Attribution attribution_of(RemovalScores removed) {
  Attribution result;
  result.values = removed.contributions();
  result.mean_log_probability = removed.mean_log_probability();
  result.log_probabilities = std::move(removed.log_probabilities);
  result.work = removed.work;
  return result;
}

void AttributionMethod::check_model(const Transformer& model) const {
  UNPACT_VALIDATE(facts_ == nullptr || facts_->takes_two_models || model.reinforced() == nullptr,
                  concat("attribution.method = ", facts_->name, " cannot look into this model"),
                  "it answers by two models at once (method whp), and the method reads the inside of one",
                  "use an attribution that removes, masks or replaces tokens, such as leave_one_out");
  const auto* remote = remote_of(model);
  UNPACT_VALIDATE(facts_ == nullptr || !facts_->removes.empty() || remote == nullptr || !remote->takes_text_only(),
                  concat("attribution.method = ", facts_->name, " cannot ask ", remote->name()),
                  "it takes text alone, which it cuts into tokens itself, and the method takes out or replaces token ids",
                  "use attribution.method = word_removal, which takes whole words out of the text, or a server of ids "
                  "(docs/endpoints.md)");
  if (facts_ != nullptr && !facts_->takes_remote) require_weights(model, concat("attribution.method = ", facts_->name));
  UNPACT_VALIDATE(facts_ == nullptr || facts_->takes_encoders || !is_encoder_decoder(model.config()),
                  concat("attribution.method = ", facts_->name, " cannot look into this model"),
                  "it is an encoder with a decoder, and the method needs a prompt that the answer continues",
                  "use leave_one_out or hierarchical, which take tokens out of the encoder's prompt");
  if (facts_ != nullptr && is_sharded(model)) check_takes_shards(facts_->name);
}

Attribution AttributionMethod::run(const Transformer& model, const AttributionTask& task, std::uint64_t item) const {
  check_model(model);
  return attribute(model, task, item);
}

std::vector<std::vector<double>> AttributionMethod::equal_scores(const Transformer& model,
                                                                 const AttributionTask& task) const {
  require_task(model.config(), task);
  return {scores_of_prompt(model, task)};
}

std::unique_ptr<AttributionMethod> make_leave_one_out(std::unique_ptr<LeaveOneOutEngine> engine) {
  return std::make_unique<LeaveOneOut>(std::move(engine));
}

}  // namespace unpact
