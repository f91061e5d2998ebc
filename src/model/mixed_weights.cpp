#include "unpact/model/mixed_weights.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <string>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

at::Tensor mixed(const at::Tensor& target, const at::Tensor& unlearned, double share) {
  const auto from = unlearned.to(at::kFloat);
  return at::lerp(from, target.to(from.device(), at::kFloat), share).to(unlearned.scalar_type());
}

std::string shape_of(const at::Tensor& tensor) { return tensor.defined() ? concat(tensor.sizes()) : "no values"; }

}  // namespace

Weights mixed_weights(const ModelConfig& config, const Weights& target, const Weights& unlearned, double share) {
  UNPACT_EXPECT(share >= 0 && share <= 1);
  const c10::InferenceMode not_inside(false);
  const c10::NoGradGuard guard;
  const auto ours = named_tensors(unlearned), theirs = named_tensors(target);
  UNPACT_VALIDATE(ours.size() == theirs.size(), "the two models cannot be mixed",
                  concat("one has ", theirs.size(), " weights, the other ", ours.size()),
                  "mix a model with the one that it was made from");
  Weights result;
  auto slots = weight_specs(config, result);
  UNPACT_EXPECT(slots.size() == ours.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto &own = ours[i].second, &other = theirs[i].second;
    UNPACT_VALIDATE(own.defined() && other.defined() && own.sizes() == other.sizes() && ours[i].first == theirs[i].first,
                    "the two models cannot be mixed",
                    concat("the weight ", ours[i].first, " has the shape ", shape_of(own), " in one, and ", theirs[i].first,
                           " has ", shape_of(other), " in the other"),
                    "mix a model with the one that it was made from");
    *slots[i].slot = mixed(other, own, share);
  }
  if (config.tied_embeddings) result.head_VD = result.embedding_VD;
  return result;
}

Transformer mixed_on_shards(const Communicator& group, const WeightPieces& target, const Transformer& unlearned,
                            double share) {
  auto pieces = pieces_of(unlearned);
  pieces.change([&](std::size_t unit, const at::Tensor& own) { return mixed(target.piece(unit), own, share); });
  return sharded_transformer(group, std::move(pieces));
}

}  // namespace unpact
