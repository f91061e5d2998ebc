// Speed of the attribution engines, beside the machine's own rate of matrix products. One JSON object a line.
//
//   attribution_bench MODEL DTYPE DEVICE N T CONTEXT ENGINES ROUNDS [--save DIR] [--batched-budget ROWS] [--parts K]
//                     [--every K] [--rank R --ranks K]
//
//   MODEL    25m 110m 1b 7b 8b (random weights), or a folder
//   DTYPE    fp32 bf16          DEVICE  cpu cuda
//   N T      removals and answer tokens; CONTEXT tokens in front of the removals
//   ENGINES  comma-separated: shared batched reference gemm
//   --save   writes weights, prompts and answers for the Python competitors, and stops
//   --parts  runs the first K passes of each request alone: enough to see the memory of a long one
//   --every  removes each K-th token alone: what a long prompt costs, in less time
//   --ranks  takes the share of rank R of K of all rounds' passes, as attribute_answers deals them; one line for all
//
// Rounds alternate the engines; every round has another prompt behind the same context. The first round warms up and
// is not reported. With CONTEXT > 1, the shared engine finds the context of the round before in its cache: what a
// dataset gives it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <time.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>

#include "batched_engine.hpp"
#include "bench_case.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/attribution/leave_one_out.hpp"
#include "unpact/comm/memory.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/random.hpp"
#include "unpact/core/text.hpp"
#include "unpact/checkpoint/checkpoint.hpp"

namespace unpact {
namespace {

std::vector<TokenId> ids_of(std::size_t count, std::uint64_t seed, std::int64_t vocabulary) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(3 + static_cast<TokenId>(random_below(static_cast<std::uint64_t>(vocabulary - 3), seed, 7, i)));
  return ids;
}

AttributionRequest request_of(const Case& c, std::uint64_t round, std::int64_t vocabulary) {
  AttributionRequest request;
  request.prompt = ids_of(c.context, 1, vocabulary);
  const auto question = ids_of(c.n, 100 + round, vocabulary);
  request.prompt.insert(request.prompt.end(), question.begin(), question.end());
  for (auto i = c.context; i < c.context + c.n; i += c.every) request.removals.push_back({i, i + 1});
  request.answers = {ids_of(c.T, 200 + round, vocabulary)};
  return request;
}

void save_case(const Case& c, const Transformer& model) {
  SaveOptions options;
  save_checkpoint(c.save, model.config(), model.weights(), testing_support::ByteTokenizer(), options);
  Json json = {{"removals_begin", c.context}, {"requests", Json::array()}};
  for (std::uint64_t round = 0; round <= c.rounds; ++round) {
    const auto request = request_of(c, round, model.config().vocabulary_size);
    json["requests"].push_back({{"prompt", request.prompt}, {"answer", request.answers[0]}});
  }
  std::ofstream(c.save + "/requests.json") << json.dump();
}

std::unique_ptr<LeaveOneOutEngine> engine_of(const std::string& name, const Case& c) {
  if (name == "batched") return std::make_unique<BatchedEngine>(c.batched_budget);
  auto kind = EngineKind::shared_prefix;
  UNPACT_VALIDATE(name == "shared" || EnumReference(&kind).assign(name), concat("there is no engine '", name, "'"),
                  concat("known: shared, batched, gemm, ", join(names_of<EngineKind>(), ", ")), "choose one of these");
  return make_engine(kind, 0);
}

/// The request's result, or that of its first passes.
RemovalScores run_request(BoundEngine& session, const AttributionRequest& request, std::size_t most_parts) {
  if (most_parts == 0) return session.run(request).front();
  RemovalScores result;
  const auto parts = session.parts(request);
  for (std::size_t p = 0; p < std::min(most_parts, parts.size()); ++p)
    result.work += session.run_part(request, parts[p]).front().work;
  return result;
}

/// This rank's share of all rounds.
void run_share(const Case& c, const Transformer& model, BoundEngine& session) {
  struct Piece {
    std::size_t request;
    AttributionPart part;
  };
  std::vector<AttributionRequest> requests;
  std::vector<Piece> pieces;
  std::vector<std::uint64_t> costs;
  for (std::size_t round = 0; round < c.rounds; ++round) {
    requests.push_back(request_of(c, 1 + round, model.config().vocabulary_size));
    for (const auto& part : session.parts(requests.back())) {
      pieces.push_back({round, part});
      costs.push_back(part.positions);
    }
  }
  session.run(request_of({c.model, c.dtype, c.device, "", 8, 4, c.context, 0, 0, 0, 1, 0, 0, {}}, 0,
                         model.config().vocabulary_size));  // warm
  const auto bounds = cut_by_cost(costs, c.ranks);
  std::uint64_t positions = 0;
  const CpuStopwatch cpu;
  const Stopwatch clock;
  for (auto p = bounds[c.rank]; p < bounds[c.rank + 1]; ++p)
    positions += session.run_part(requests[pieces[p].request], pieces[p].part).front().work.positions;
  const Json json = {{"what", "share"},
                     {"rank", c.rank},
                     {"ranks", c.ranks},
                     {"threads", at::get_num_threads()},
                     {"seconds", clock.seconds()},
                     {"cpu_seconds", cpu.seconds()},
                     {"positions", positions}};
  std::cout << json.dump() << std::endl;
}

void run_case(const Case& c) {
  const auto model = make_model(c);
  if (!c.save.empty()) return save_case(c, model);
  std::map<std::string, std::unique_ptr<BoundEngine>> sessions;
  for (const auto& name : c.engines) {
    if (name == "gemm") {
      report_gemm(c, model);
    } else {
      sessions[name] = engine_of(name, c)->open(model);
    }
  }
  if (c.ranks > 0) return run_share(c, model, *sessions.at("shared"));
  for (std::uint64_t round = 0; round <= c.rounds; ++round) {
    const auto request = request_of(c, round, model.config().vocabulary_size);
    for (auto& [name, session] : sessions) {
      const bool known = name == "shared" && round > 0;
      reset_peak_memory(model.device());
      synchronize(model.device());
      const auto held = peak_memory(model.device());
      const CpuStopwatch cpu;
      const Stopwatch clock;
      const auto result = run_request(*session, request, c.parts);
      const double seconds = clock.seconds();
      Json json = {{"what", "run"},
                   {"engine", name},
                   {"model", c.model},
                   {"dtype", c.dtype},
                   {"device", c.device},
                   {"n", c.n},
                   {"T", c.T},
                   {"context", c.context},
                   {"threads", at::get_num_threads()},
                   {"round", round},
                   {"seconds", seconds},
                   {"cpu_seconds", cpu.seconds()},
                   {"positions", result.work.positions},
                   {"positions_naive", result.work.positions_naive},
                   {"model_calls", result.work.model_calls},
                   {"logit_rows", result.work.logit_rows},
                   {"peak_bytes_beyond", peak_memory(model.device()) - held},
                   {"bound_operations", bound_operations(model.config(), c, known)},
                   {"contributions", c.parts > 0 ? std::vector<float>() : result.contributions()}};
      if (c.n > 256) json.erase("contributions");
      if (c.parts > 0 || c.every > 1) json.erase("bound_operations");
      std::cout << json.dump() << std::endl;
    }
  }
}

int bench_main(int count, char** arguments) {
  const std::vector<std::string> a(arguments + 1, arguments + count);
  if (a.size() < 8) {
    std::cerr << "usage: attribution_bench MODEL DTYPE DEVICE N T CONTEXT ENGINES ROUNDS [--save DIR] [--batched-budget "
                 "ROWS] [--parts K] [--every K] [--rank R --ranks K]\n";
    return 1;
  }
  Case c;
  c.model = a[0], c.dtype = a[1], c.device = a[2];
  c.n = std::stoul(a[3]), c.T = std::stoul(a[4]), c.context = std::stoul(a[5]);
  c.engines = split_list(a[6]);
  c.rounds = std::stoul(a[7]);
  for (std::size_t i = 8; i + 1 < a.size(); i += 2) {
    if (a[i] == "--save") c.save = a[i + 1];
    if (a[i] == "--batched-budget") c.batched_budget = std::stoul(a[i + 1]);
    if (a[i] == "--parts") c.parts = std::stoul(a[i + 1]);
    if (a[i] == "--every") c.every = std::max<std::size_t>(1, std::stoul(a[i + 1]));
    if (a[i] == "--rank") c.rank = std::stoul(a[i + 1]);
    if (a[i] == "--ranks") c.ranks = std::stoul(a[i + 1]);
  }
  run_case(c);
  return 0;
}

}  // namespace
}  // namespace unpact

int main(int count, char** arguments) {
  try {
    return unpact::bench_main(count, arguments);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
