#include "unpact/model/remote_model.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

[[noreturn]] void refuse(const RemoteModel& remote, const std::string& what) {
  throw UserError(concat(what, " needs the weights of the model"),
                  concat(remote.name(), " answers over HTTP, and gives log-probabilities and answers alone"),
                  "use a model in a local folder, or an attribution that removes or replaces tokens");
}

/// No pass can run.
class RemoteRunner : public PartRunner {
 public:
  explicit RemoteRunner(std::shared_ptr<const RemoteModel> remote) : remote_(std::move(remote)) {}
  at::Tensor run(std::int64_t, std::int64_t, const at::Tensor&, const Compute&) override {
    refuse(*remote_, "a forward pass");
  }
  const RemoteModel& remote() const { return *remote_; }

 private:
  std::shared_ptr<const RemoteModel> remote_;
};

}  // namespace

Transformer remote_transformer(ModelConfig config, std::shared_ptr<const RemoteModel> remote) {
  UNPACT_EXPECT(remote != nullptr);
  Weights nothing;
  nothing.blocks.resize(static_cast<std::size_t>(config.layers));
  nothing.embedding_VD = at::empty({0, 0});  // says host memory and float32
  nothing.head_VD = nothing.embedding_VD;
  Transformer model(std::move(config), std::move(nothing));
  model.keep_runner(std::make_shared<RemoteRunner>(std::move(remote)));
  return model;
}

const RemoteModel* remote_of(const Transformer& model) {
  const auto* runner = dynamic_cast<const RemoteRunner*>(model.runner());
  return runner == nullptr ? nullptr : &runner->remote();
}

void require_weights(const Transformer& model, const std::string& what) {
  if (const auto* remote = remote_of(model)) refuse(*remote, what);
}

}  // namespace unpact
