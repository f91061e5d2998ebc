#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>

#include "jobs/inspect/inspect_parts.hpp"
#include "unpact/campaign/session.hpp"
#include "unpact/comm/collectives.hpp"
#include "unpact/core/process_identity.hpp"

namespace unpact {
namespace {

/// Slurm's name, which tells apart nodes of a cluster that share a host name.
std::string node_name() {
  const char* name = std::getenv("SLURMD_NODENAME");
  return name == nullptr ? host_name() : name;
}

/// Seconds of one call, of as many as fit into about a second. Collective.
double seconds_of(const Communicator& group, const std::function<void()>& call) {
  const auto timed = [&](std::int64_t rounds) {
    group.barrier();
    const auto begin = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < rounds; ++i) call();
    return group.max(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()) /
           static_cast<double>(rounds);
  };
  timed(1);  // connections are made, pages are touched
  const auto once = std::max(timed(1), 1e-6);
  return timed(std::clamp(static_cast<std::int64_t>(1.0 / once), std::int64_t{1}, std::int64_t{50}));
}

struct Rates {
  double all_gather = 0, reduce_scatter = 0;  ///< GB/s that a rank receives; 0: nothing to measure
};

Rates measure(const Communicator& group, const c10::Device& device, std::int64_t elements) {
  if (group.size() == 1) return {};
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const auto collectives = make_collectives(group, device);
  const auto share = elements / group.size();
  auto whole = at::zeros({share * group.size()}, options), part = at::ones({share}, options);
  const auto seen = [](const at::Tensor& tensor) { (void)tensor.data().narrow(0, 0, 1).item<float>(); };
  const double gather = seconds_of(group, [&] { collectives->all_gather(whole, part), seen(whole); });
  const double scatter = seconds_of(group, [&] { collectives->reduce_scatter(part, whole), seen(part); });
  const double received = 4e-9 * static_cast<double>(share) * (group.size() - 1);
  return {received / gather, received / scatter};
}

double slowest(const Communicator& world, double rate) {
  double found = 0;
  for (const double other : world.all_gather(rate))
    if (other > 0 && (found == 0 || other < found)) found = other;
  return found;
}

void print_rates(const std::string& where, const std::string& ranks, double megabytes, const Rates& rates) {
  for (const auto& [name, rate] :
       {std::pair("all-gather", rates.all_gather), std::pair("reduce-scatter", rates.reduce_scatter)}) {
    char number[64];
    std::snprintf(number, sizeof number, "%.0f MB over %s: %.3g GB/s", megabytes, ranks.c_str(), rate);
    std::cout << where << ", " << name << " of " << number << "\n";
  }
}

}  // namespace

void inspect_network(const Session& session) {
  const auto& world = session.world();
  const auto names = world.all_gather(node_name());
  const auto own = std::find(names.begin(), names.end(), names[static_cast<std::size_t>(world.rank())]);
  const auto node = world.split(static_cast<int>(own - names.begin()), world.rank());
  auto nodes = names;
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());

  const std::int64_t elements = session.device().is_cuda() ? std::int64_t{1} << 26 : std::int64_t{1} << 22;
  const double megabytes = 4e-6 * static_cast<double>(elements);
  auto inside = measure(node, session.device(), elements);
  inside = {slowest(world, inside.all_gather), slowest(world, inside.reduce_scatter)};
  const auto everywhere = nodes.size() > 1 ? measure(world, session.device(), elements) : Rates{};
  if (!world.is_root()) return;
  if (world.size() == 1) std::cout << "one rank: nothing to measure\n";
  if (inside.all_gather > 0) print_rates("inside a node", "its ranks", megabytes, inside);
  if (nodes.size() > 1)
    print_rates("all ranks", concat(world.size(), " ranks on ", nodes.size(), " nodes"), megabytes, everywhere);
}

}  // namespace unpact
