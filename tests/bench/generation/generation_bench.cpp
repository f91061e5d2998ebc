// Speed of generation on random weights. One JSON object a line.
//
//   generation_bench MODEL DTYPE DEVICE PROMPTS CONTEXT SAMPLES TOKENS ROUNDS [TOP_P] [--save DIR]
//
//   MODEL    25m-32k 25m-152k 110m-32k 110m-152k (the vocabulary after the size of the blocks with 32,000 entries), 1b, 8b
//   PROMPTS  questions of 12 to 28 tokens; CONTEXT tokens stand in front of each, the same ones
//   SAMPLES  0: one greedy answer a prompt
//   TOKENS   of each answer: there is no end token
//   TOP_P    of the samples; 1 if it is not given
//   --save   writes weights and prompts for the Python competitor, and stops
//
// Every round has other questions after the same context. The first round, of few prompts, warms up. A line "machine" says how
// many operations and bytes a second the fastest matrix product and the sum of a large tensor reach here (of CPU time on the
// CPU); each run says what it computed, and the least bytes of weights, keys and values that its passes read.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <time.h>

#include <fstream>
#include <iostream>

#include "bench/random_model.hpp"
#include "text/tokenizers_for_tests.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/operation_tally.hpp"
#include "unpact/core/random.hpp"
#include "unpact/inference/generation.hpp"
#include "unpact/kernels/linear.hpp"
#include "unpact/model/operation_count.hpp"

namespace unpact {
namespace {

struct Case {
  std::string model, dtype, device, save;
  std::size_t prompts = 0, context = 0, samples = 0, tokens = 0, rounds = 0;
  double top_p = 1;
};

ModelConfig shape(std::int64_t hidden, std::int64_t inner, std::int64_t layers, std::int64_t heads, std::int64_t groups,
                  std::int64_t vocabulary) {
  ModelConfig c;
  c.vocabulary_size = vocabulary;
  c.hidden_size = hidden;
  c.intermediate_size = inner;
  c.layers = layers;
  c.heads = heads;
  c.key_value_heads = groups;
  c.head_dim = hidden / heads;
  c.max_positions = 4096;
  c.bos_id = 1;
  c.eos_ids = {};
  c.tied_embeddings = true;
  return c;
}

ModelConfig config_of(const std::string& name) {
  if (name == "25m-32k") return shape(384, 1024, 7, 6, 6, 32000);
  if (name == "25m-152k") return shape(384, 1024, 7, 6, 6, 152000);
  if (name == "110m-32k") return shape(768, 2048, 12, 12, 12, 32000);
  if (name == "110m-152k") return shape(768, 2048, 12, 12, 12, 152000);
  if (name == "1b") return shape(2048, 8192, 16, 32, 8, 128256);
  UNPACT_VALIDATE(name == "8b", concat("no model is called '", name, "'"), "its shape is not known",
                  "see the top of this file");
  return shape(4096, 14336, 32, 32, 8, 128256);
}

std::vector<TokenId> ids_of(std::size_t count, std::uint64_t seed, std::int64_t vocabulary) {
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.push_back(3 + static_cast<TokenId>(random_below(static_cast<std::uint64_t>(vocabulary - 3), seed, 7, i)));
  return ids;
}

std::vector<std::vector<TokenId>> prompts_of(const Case& c, std::uint64_t round, std::int64_t vocabulary) {
  const auto context = ids_of(c.context, 1, vocabulary);
  std::vector<std::vector<TokenId>> prompts;
  for (std::size_t i = 0; i < (round == 0 ? std::min<std::size_t>(4, c.prompts) : c.prompts); ++i) {
    auto prompt = context;
    const auto length = 12 + random_below(17, round, 3, i);
    const auto question = ids_of(static_cast<std::size_t>(length), 1000 * (round + 1) + i, vocabulary);
    prompt.insert(prompt.end(), question.begin(), question.end());
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

/// Seconds of the fastest of some calls: of CPU time on the CPU.
template <class Call>
double fastest(const c10::Device& device, const Call& call) {
  double best = 1e300;
  for (int i = 0; i < 8; ++i) {
    const CpuStopwatch cpu;
    const Stopwatch clock;
    for (int k = 0; k < 4; ++k) call();
    if (device.is_cuda()) at::ones({1}, device).item<float>();  // waits for it
    best = std::min(best, (device.is_cpu() ? cpu.seconds() : clock.seconds()) / 4);
  }
  return best;
}

void measure_machine(const at::TensorOptions& options) {
  const c10::InferenceMode guard;
  const std::int64_t n = options.device().is_cpu() ? 768 : 8192,
                     m = options.device().is_cpu() ? std::int64_t{1} << 25 : std::int64_t{1} << 30;
  const auto x = at::randn({n, n}, options), w = at::randn({n, n}, options), out = at::empty({n, n}, options);
  const auto memory = [&](at::IntArrayRef, const at::TensorOptions&) { return out; };
  const auto large = at::ones({m}, options.dtype(at::kFloat));
  const double product = std::min(fastest(options.device(),
                                          [&] {
                                            kernels::linear_in(memory, x, {w, {}});
                                          }),
                                  fastest(options.device(), [&] {
                                    kernels::row_linear_in(memory, x, {w, {}});
                                  }));
  const double sum = fastest(options.device(), [&] { large.sum(); });
  const auto cube = 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  std::cout << Json{{"what", "machine"},
                    {"operations_a_second", cube / product},
                    {"bytes_a_second", 4.0 * static_cast<double>(m) / sum}}
                   .dump()
            << std::endl;
}

/// Every pass reads the weights once, and every answer's token the keys and values of the positions before it.
double least_bytes(const Case& c, const Transformer& model, const std::vector<GenerationRequest>& requests) {
  const auto& config = model.config();
  const auto number = static_cast<double>(model.weights().embedding_VD.element_size());
  const double weights = static_cast<double>(config.layers) * block_matrix_size(config) + head_size(config);
  const double position = 2.0 * static_cast<double>(config.layers * config.key_value_heads * config.head_dim);
  double positions = 0;
  for (const auto& request : requests)
    for (std::size_t k = 1; k < c.tokens; ++k) positions += static_cast<double>(request.prompt.size() + k);
  const auto passes = static_cast<double>(c.tokens * ((requests.size() + kMostSequences - 1) / kMostSequences));
  return number * (passes * weights + positions * position);
}

void save_case(const Case& c, const Transformer& model) {
  save_checkpoint(c.save, model.config(), model.weights(), testing_support::ByteTokenizer(), {});
  Json json = {
      {"context", c.context}, {"samples", c.samples}, {"tokens", c.tokens}, {"top_p", c.top_p}, {"rounds", Json::array()}};
  for (std::uint64_t round = 0; round <= c.rounds; ++round)
    json["rounds"].push_back(prompts_of(c, round, model.config().vocabulary_size));
  std::ofstream(c.save + "/prompts.json") << json.dump();
}

void run_round(const Case& c, const Transformer& model, std::uint64_t round) {
  GenerationOptions options;
  options.max_new_tokens = static_cast<std::int64_t>(c.tokens);
  options.sample = c.samples > 0;
  options.top_p = options.sample ? c.top_p : 1;
  std::vector<GenerationRequest> requests;
  for (const auto& prompt : prompts_of(c, round, model.config().vocabulary_size))
    for (std::size_t s = 0; s < std::max<std::size_t>(1, c.samples); ++s) requests.push_back({prompt, requests.size()});
  const CpuStopwatch cpu_clock;
  const double counted = operations_so_far();
  const Stopwatch clock;
  const auto answers = generate(model, requests, options);
  const double seconds = clock.seconds(), cpu = cpu_clock.seconds();
  Json json = {{"what", "run"},      {"engine", "unpact"}, {"round", round},
               {"seconds", seconds}, {"cpu_seconds", cpu}, {"threads", at::get_num_threads()}};
  json["operations"] = operations_so_far() - counted;
  json["bytes"] = least_bytes(c, model, requests);
  if (c.samples == 0) json["answers"] = answers;
  std::cout << json.dump() << std::endl;
}

Case read_case(std::vector<std::string> a) {
  std::string folder;
  if (a.size() > 2 && a[a.size() - 2] == "--save") {
    folder = a.back();
    a.resize(a.size() - 2);
  }
  UNPACT_VALIDATE(a.size() == 8 || a.size() == 9, "these arguments are not known", "see the top of this file",
                  "generation_bench MODEL DTYPE DEVICE PROMPTS CONTEXT SAMPLES TOKENS ROUNDS [TOP_P] [--save DIR]");
  const auto number = [&](std::size_t i) { return static_cast<std::size_t>(std::stoull(a[i])); };
  return {a[0],      a[1],      a[2],      folder,    number(3),
          number(4), number(5), number(6), number(7), a.size() == 9 ? std::stod(a[8]) : 1.0};
}

void run(const Case& c) {
  const auto options = at::TensorOptions(c10::Device(c.device)).dtype(c.dtype == "bf16" ? at::kBFloat16 : at::kFloat);
  const auto model = bench::random_model(config_of(c.model), options);
  if (!c.save.empty()) return save_case(c, model);
  measure_machine(options);
  for (std::uint64_t round = 0; round <= c.rounds; ++round) run_round(c, model, round);
}

}  // namespace
}  // namespace unpact

int main(int count, char** arguments) try {
  unpact::run(unpact::read_case({arguments + 1, arguments + count}));
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
