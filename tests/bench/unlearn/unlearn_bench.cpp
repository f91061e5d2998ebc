/// Times training steps of a randomly initialized model on random tokens, as run.py asks (see there).
///
///     unlearn_bench FOLDER LENGTH BATCH STEPS [section.key=value ...]
/// FOLDER holds a config.json. Keys: shard, recompute, dtype, master_weights, offload, deterministic, nccl (1: even for one
/// rank), micro_batch, threads, device, peak_tflops.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <iostream>
#include <map>

#include "bench/random_model.hpp"
#include "unpact/comm/device.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/random.hpp"
#include "unpact/train/trainer.hpp"

namespace {

using namespace unpact;
using Settings = std::map<std::string, std::string>;

std::string setting(const Settings& settings, const std::string& key, const std::string& fallback) {
  const auto found = settings.find(key);
  return found == settings.end() ? fallback : found->second;
}

/// Full-length sequences, loss on all but the first token.
std::vector<Example> random_sequences(std::int64_t count, std::int64_t length, std::int64_t vocabulary) {
  std::vector<Example> examples;
  for (std::int64_t i = 0; i < count; ++i) {
    Example example;
    for (std::int64_t t = 0; t < length; ++t) {
      example.ids.push_back(static_cast<TokenId>(random_below(
          static_cast<std::uint64_t>(vocabulary), 1, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(t))));
      example.has_loss.push_back(t > 0);
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

int run(const Communicator& world, const std::vector<std::string>& arguments) {
  UNPACT_VALIDATE(arguments.size() >= 4, "too few arguments", "a folder, a length, a batch and a number of steps are needed",
                  "see run.py");
  Settings settings;
  for (std::size_t i = 4; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    UNPACT_VALIDATE(equals != std::string::npos, concat("'", arguments[i], "' is no key=value"), "settings are pairs",
                    "see run.py");
    settings[arguments[i].substr(0, equals)] = arguments[i].substr(equals + 1);
  }
  at::set_num_threads(std::stoi(setting(settings, "threads", "1")));
  auto wanted = DeviceChoice::cpu;
  UNPACT_VALIDATE(EnumReference(&wanted).assign(setting(settings, "device", "cpu")), "the setting 'device' is unknown",
                  "known: auto, cpu, cuda", "choose one of these");
  const auto device = choose_device(world, wanted);
  CollectiveOptions collectives;
  collectives.even_alone = setting(settings, "nccl", "0") == "1";
  const auto group = make_collectives(world, device, collectives);
  const auto config = read_model_config(arguments[0]);
  const auto length = std::stoll(arguments[1]), batch = std::stoll(arguments[2]), steps = std::stoll(arguments[3]);
  auto model = bench::random_model(config, at::TensorOptions(device).dtype(at::kFloat));
  const CrossEntropyTerm term(
      std::make_shared<const std::vector<Example>>(random_sequences(batch * steps, length, config.vocabulary_size)));
  TrainOptions options;
  options.max_steps = steps;
  options.batch_size = batch;
  options.micro_batch = std::stoll(setting(settings, "micro_batch", std::to_string(batch)));
  options.shuffle = false;
  const bool known = EnumReference(&options.execution.shard).assign(setting(settings, "shard", "auto")) &&
                     EnumReference(&options.execution.dtype).assign(setting(settings, "dtype", "fp32")) &&
                     EnumReference(&options.execution.master_weights).assign(setting(settings, "master_weights", "fp32"));
  UNPACT_VALIDATE(known, "shard, dtype or master_weights is unknown", "they are options of [train]",
                  "see unpact unlearn --help");
  options.execution.recompute = setting(settings, "recompute", "0") == "1";
  options.execution.offload_optimizer = setting(settings, "offload", "0") == "1";
  options.execution.deterministic = setting(settings, "deterministic", "1") == "1";
  options.execution.peak_tflops = std::stod(setting(settings, "peak_tflops", "0"));
  Json seconds = Json::array(), cpu_seconds = Json::array(), losses = Json::array();
  StepReport last;
  CpuStopwatch cpu;
  train(model, {{&term, 1.0}}, options, *group, {}, [&](const StepReport& report) {
    seconds.push_back(report.seconds);
    cpu_seconds.push_back(cpu.seconds());
    cpu = {};
    losses.push_back(report.loss);
    last = report;
  });
  if (world.is_root())
    std::cout << Json{{"seconds", seconds},
                      {"cpu_seconds", cpu_seconds},
                      {"losses", losses},
                      {"parameters", config.parameter_count()},
                      {"tokens", last.tokens},
                      {"mfu", last.mfu},
                      {"peak_bytes", last.peak_bytes},
                      {"device", describe_device(device)}}
                     .dump()
              << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  MpiSession session(&argc, &argv);
  const auto world = Communicator::world();
  try {
    return run(world, {argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    MpiSession::abort_all(1);
  }
}
