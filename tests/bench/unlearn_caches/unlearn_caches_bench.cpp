/// How much faster an unlearning step is when the frozen model's numbers are kept instead of computed in every step.
///   unlearn_caches_bench [--device cpu|cuda] [--rounds N] [--steps N] [--batch N] [--length N] [--hidden N] [--layers N]
///                        [--vocabulary N] [--methods npo,npo_kl,rmu@7]
/// Prints one JSON object a method. Rounds alternate between the ways; the median step time of each counts. The time to fill
/// the caches is reported apart: it is paid once a training. RMU runs a third way, in which nothing is saved: no cache, and
/// the blocks behind the steered one run too. The method "fill" times the frozen passes alone, which fill the caches
/// (fill.hpp).
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>

#include "fill.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/json.hpp"
#include "unpact/core/random.hpp"
#include "unpact/unlearn/method.hpp"

namespace {

using namespace unpact;

struct Options {
  std::string device = "cpu", methods = "npo,npo_kl,rmu@7,rmu@11";
  std::int64_t rounds = 3, steps = 2, batch = 1, length = 512, hidden = 512, layers = 12, vocabulary = 8000;
};

Options parse(int argc, char** argv) {
  Options options;
  const std::map<std::string, std::int64_t*> numbers = {{"--rounds", &options.rounds},        {"--steps", &options.steps},
                                                        {"--batch", &options.batch},          {"--length", &options.length},
                                                        {"--hidden", &options.hidden},        {"--layers", &options.layers},
                                                        {"--vocabulary", &options.vocabulary}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--device") options.device = argv[i + 1];
    else if (key == "--methods") options.methods = argv[i + 1];
    else if (const auto number = numbers.find(key); number != numbers.end()) *number->second = std::stoll(argv[i + 1]);
    else throw UserError(concat("unknown option ", key), "see the first lines of the source", "correct it");
  }
  return options;
}

ModelConfig config_of(const Options& options) {
  ModelConfig config;
  config.vocabulary_size = options.vocabulary;
  config.hidden_size = options.hidden;
  config.intermediate_size = options.hidden * 43 / 16;  // Llama-2's 11008 / 4096
  config.layers = options.layers;
  config.heads = config.key_value_heads = options.hidden / 64;
  config.head_dim = 64;
  config.max_positions = options.length + 1;
  return config;
}

Examples random_texts(const Options& options, std::uint64_t seed) {
  auto examples = std::make_shared<std::vector<Example>>();
  for (std::int64_t i = 0; i < options.batch * 4; ++i) {
    Example example;
    const auto stream = static_cast<std::uint64_t>(i), words = static_cast<std::uint64_t>(options.vocabulary);
    for (std::int64_t t = 0; t < options.length; ++t)
      example.ids.push_back(static_cast<TokenId>(random_below(words, seed, stream, static_cast<std::uint64_t>(t))));
    example.has_loss.assign(example.ids.size(), 1);
    example.has_loss.front() = 0;
    examples->push_back(std::move(example));
  }
  return examples;
}

/// "npo_kl": npo with kl. "rmu@7": steers block 7 and trains blocks 5, 6, 7.
MethodOptions method_of(const std::string& name) {
  MethodOptions method;
  const auto cut = name.find_first_of("_@");
  method.forget = name.substr(0, cut);
  if (cut == std::string::npos) return method;
  if (name[cut] == '_') {
    UNPACT_EXPECT(EnumReference(&method.retain).assign(name.substr(cut + 1)));
  } else {
    method.layer = std::stoll(name.substr(cut + 1));
    method.trained_layers = concat(method.layer - 2, ",", method.layer - 1, ",", method.layer);
  }
  return method;
}

struct Timing {
  double step = 0, preparation = 0;  ///< seconds
};

/// A whole call of unlearn(): the first step is warm-up, the rest is averaged.
Timing time_once(const Transformer& target, const MethodOptions& method, const Options& options, const UnlearnData& data,
                 Collectives& group) {
  TrainOptions train;
  train.max_steps = options.steps + 1;
  train.batch_size = train.micro_batch = options.batch;
  const Stopwatch clock;
  std::vector<double> ends;
  const auto result =
      unlearn(target, method, train, data, group, [&](const StepReport&) { ends.push_back(clock.seconds()); });
  const double step = (ends.back() - ends.front()) / static_cast<double>(options.steps);
  return {step, std::max(0.0, ends.front() - step)};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

using Steps = std::map<std::string, std::vector<double>>;  ///< seconds of a step, by way

/// How much longer a step takes without what `slow` leaves out, round by round.
void report_ratio(Json& line, const std::string& key, const Steps& steps, const std::string& slow) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < steps.at(slow).size(); ++i) ratios.push_back(steps.at(slow)[i] / steps.at("memory")[i]);
  line[key] = median(ratios);
  line[key + "_low"] = *std::min_element(ratios.begin(), ratios.end());
  line[key + "_high"] = *std::max_element(ratios.begin(), ratios.end());
}

void measure(const std::string& name, const Transformer& target, const Options& options, Collectives& group) {
  const UnlearnData data{random_texts(options, 1), random_texts(options, 2)};
  const bool is_rmu = method_of(name).forget == "rmu";
  std::vector<std::string> ways = {"none", "memory"};
  if (is_rmu) ways.insert(ways.begin(), "nothing_saved");
  Steps steps;
  double preparation = 0;
  for (std::int64_t round = 0; round < options.rounds; ++round) {
    for (const auto& way : ways) {
      auto method = method_of(name);
      method.cache = way == "memory" ? FrozenCache::memory : FrozenCache::none;
      method.rmu_early_stop = way != "nothing_saved";
      const auto timing = time_once(target, method, options, data, group);
      steps[way].push_back(timing.step);
      if (way == "memory") preparation = timing.preparation;
    }
  }
  Json line;
  line["method"] = name;
  report_ratio(line, "ratio", steps, "none");
  if (is_rmu) report_ratio(line, "ratio_nothing_saved", steps, "nothing_saved");
  line["step_without_s"] = median(steps["none"]);
  if (is_rmu) line["step_nothing_saved_s"] = median(steps["nothing_saved"]);
  line["step_with_s"] = median(steps["memory"]);
  line["preparation_s"] = preparation;
  line["parameters"] = target.config().parameter_count();
  line["tokens_a_step"] = options.batch * options.length;
  line["threads"] = at::get_num_threads();
  line["device"] = options.device;
  std::cout << line.dump() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto options = parse(argc, argv);
    const auto config = config_of(options);
    Transformer target(config, random_weights(config, 1));
    for (auto& spec : weight_specs(config, target.weights())) *spec.slot = spec.slot->to(options.device);
    const Communicator alone;
    const auto group = make_collectives(alone, at::Device(options.device));
    for (const auto& name : split_list(options.methods)) {
      if (name == "fill") bench::measure_fill(target, options.rounds);
      else measure(name, target, options, *group);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
