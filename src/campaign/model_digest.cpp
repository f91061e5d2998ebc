#include "model_digest.hpp"

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/model/remote_model.hpp"

namespace unpact {
namespace {

std::string digest_of_tensor(const std::string& name, const at::Tensor& tensor) {
  const auto host = tensor.detach().to(at::kCPU).contiguous();
  const auto shape = host.sizes().vec();
  const std::string_view bytes(static_cast<const char*>(host.const_data_ptr()), host.nbytes());
  return sha256_of_bytes(concat(name, " ", c10::toString(host.scalar_type()), " ", encode(shape), sha256_of_bytes(bytes)));
}

}  // namespace

namespace {

/// This rank's share of the digests, of weights that may be there only while their part runs.
std::map<std::size_t, std::string> own_digests(const Communicator& group, const Transformer& model) {
  std::map<std::size_t, std::string> digests;
  const auto last = model.config().layers + 1;
  const auto nothing = at::zeros({1}, at::TensorOptions().device(model.device()));
  for (std::int64_t part = 0; part <= last; ++part)
    model.run_part(part, last, nothing, [&](const at::Tensor& input) {
      const auto tensors = named_tensors(model.weights());
      for (auto i = static_cast<std::size_t>(group.rank()); i < tensors.size(); i += static_cast<std::size_t>(group.size()))
        if (unit_index(model.config(), tensors[i].first) == static_cast<std::size_t>(part))
          digests[i] = digest_of_tensor(tensors[i].first, tensors[i].second);
      return input;
    });
  return digests;
}

std::vector<std::string> digests_of(const Communicator& group, const Transformer& model,
                                    const std::map<std::size_t, std::string>& own) {
  return share_work(group, named_tensors(model.weights()).size(), 1,
                    [&](std::size_t first, std::size_t) { return std::vector<std::string>{own.at(first)}; });
}

}  // namespace

std::string digest_of(const Communicator& group, const Transformer& model) {
  if (const auto* remote = remote_of(model)) return remote->identity();
  const auto own = own_digests(group, model);
  const auto* second = model.reinforced();
  const auto of_second = second == nullptr ? own : own_digests(group, *second);  // in the same pass
  const auto config = config_checksum(model.config());
  auto whole = concat(join(digests_of(group, model, own), "\n"), config);
  if (second != nullptr)
    whole += sha256_of_bytes(concat(join(digests_of(group, *second, of_second), "\n"), config_checksum(second->config()))) +
             encode(model.contrast_scale());
  return sha256_of_bytes(whole);
}

}  // namespace unpact
