#include "model_digest.hpp"

#include <ATen/ATen.h>

#include <vector>

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"

namespace unpact {
namespace {

std::string digest_of_tensor(const std::string& name, const at::Tensor& tensor) {
  const auto host = tensor.detach().to(at::kCPU).contiguous();
  const auto shape = host.sizes().vec();
  const std::string_view bytes(static_cast<const char*>(host.const_data_ptr()), host.nbytes());
  return sha256_of_bytes(concat(name, " ", c10::toString(host.scalar_type()), " ", encode(shape), sha256_of_bytes(bytes)));
}

}  // namespace

std::string digest_of(const Communicator& group, const Transformer& model) {
  const auto tensors = named_tensors(model.weights());
  const auto digests = share_work(group, tensors.size(), 1, [&](std::size_t first, std::size_t last) {
    std::vector<std::string> some;
    for (auto i = first; i < last; ++i) some.push_back(digest_of_tensor(tensors[i].first, tensors[i].second));
    return some;
  });
  auto whole = concat(join(digests, "\n"), config_checksum(model.config()));
  if (model.reinforced() != nullptr) whole += digest_of(group, *model.reinforced()) + encode(model.contrast_scale());
  return sha256_of_bytes(whole);
}

}  // namespace unpact
