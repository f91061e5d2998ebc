// How fast a checkpoint loads, and in how much memory, beside the plain reading of its files.
//
//   checkpoint_bench generate DIR BLOCKS      a checkpoint of Llama-2-7B's width, bf16, shards of 1 GB
//   checkpoint_bench read DIR                 read() all files into one small buffer
//   checkpoint_bench keep DIR                 read() each file into new memory that stays
//   checkpoint_bench load DIR bf16|fp32       load_weights
//
// Each prints one line of JSON; run_checkpoint_bench.py alternates them and forms the ratios.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "text/tokenizers_for_tests.hpp"
#include "unpact/core/error.hpp"
#include "unpact/checkpoint/checkpoint.hpp"
#include "unpact/checkpoint/checkpoint_reader.hpp"

namespace unpact {
namespace {

ModelConfig seven_billion(std::int64_t blocks) {
  ModelConfig config;
  config.vocabulary_size = 32000;
  config.hidden_size = 4096;
  config.intermediate_size = 11008;
  config.layers = blocks;
  config.heads = config.key_value_heads = 32;
  config.head_dim = 128;
  config.max_positions = 4096;
  return config;
}

void generate(const std::filesystem::path& folder, std::int64_t blocks) {
  const auto config = seven_billion(blocks);
  Weights weights;
  for (auto& spec : weight_specs(config, weights)) *spec.slot = at::empty(spec.shape, at::kBFloat16).uniform_(-0.05, 0.05);
  SaveOptions options;
  options.max_shard_bytes = 1'000'000'000;
  save_checkpoint(folder, config, weights, testing_support::ByteTokenizer(), options);
}

std::vector<std::unique_ptr<char[]>> kept;

std::uint64_t read_all(const std::filesystem::path& folder, bool keep) {
  constexpr std::size_t piece = 4 << 20;
  std::vector<char> buffer(piece);
  std::uint64_t bytes = 0;
  for (const auto& path : weight_files(folder)) {
    const int file = ::open(path.c_str(), O_RDONLY);
    char* place = buffer.data();
    if (keep) {
      kept.emplace_back(new char[std::filesystem::file_size(path) + piece]);  // not zeroed
      place = kept.back().get();
    }
    for (ssize_t count = 1; count > 0;) {
      count = ::read(file, place, piece);
      if (keep) place += std::max<ssize_t>(count, 0);
      bytes += static_cast<std::uint64_t>(std::max<ssize_t>(count, 0));
    }
    ::close(file);
  }
  return bytes;
}

/// A line of /proc/self/status in bytes.
std::uint64_t status(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key + ":")) return 1024 * std::stoull(line.substr(key.size() + 1));
  return 0;
}

void report(const std::string& what, double seconds, std::uint64_t bytes, std::uint64_t before) {
  std::cout << Json{{"what", what},         {"seconds", seconds},          {"bytes", bytes},
                    {"rss_before", before}, {"rss_peak", status("VmHWM")}, {"threads", at::get_num_threads()}}
                   .dump()
            << std::endl;
}

int run(const std::vector<std::string>& arguments) {
  const std::filesystem::path folder = arguments.at(1);
  if (arguments[0] == "generate") {
    generate(folder, std::stoll(arguments.at(2)));
    return 0;
  }
  at::empty({1 << 20}).copy_(at::empty({1 << 20}, at::kBFloat16));  // threads and libraries are there
  const auto before = status("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  if (arguments[0] == "read" || arguments[0] == "keep") {
    const auto bytes = read_all(folder, arguments[0] == "keep");
    report(arguments[0], seconds(), bytes, before);
    return 0;
  }
  LoadOptions options;
  options.dtype = arguments.at(2) == "bf16" ? at::kBFloat16 : at::kFloat;
  const auto weights = load_weights(read_model_config(folder), folder, at::kCPU, options);
  const double taken = seconds();
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : named_tensors(weights)) bytes += tensor.nbytes();
  report(concat("load ", arguments[2]), taken, bytes, before);
  return 0;
}

}  // namespace
}  // namespace unpact

int main(int count, char** arguments) {
  try {
    return unpact::run({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
