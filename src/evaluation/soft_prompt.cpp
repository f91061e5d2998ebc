#include "soft_prompt.hpp"
#include "think.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <utility>

#include "unpact/comm/share_work.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/random.hpp"
#include "unpact/data/examples.hpp"
#include "unpact/inference/scoring.hpp"
#include "unpact/model/sequences.hpp"

namespace unpact {
namespace {

/// One question's part of a step.
struct QuestionGradient {
  std::vector<float> values;  ///< K x D
  double loss = 0;
  std::int64_t tokens = 0;
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values, self.loss, self.tokens);
  }
};

std::vector<float> to_floats(const at::Tensor& tensor) {
  const auto host = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
}

at::Tensor to_rows(const std::vector<float>& values, std::int64_t rows, const c10::Device& device) {
  return at::tensor(values, at::kFloat).view({rows, -1}).to(device);
}

/// As the model embeds its tokens.
at::Tensor in_scale(const ModelConfig& config, const at::Tensor& vectors_KD) {
  if (!config.block.scaled_embedding) return vectors_KD;
  return vectors_KD *
         at::scalar_tensor(std::sqrt(static_cast<double>(config.hidden_size)), vectors_KD.options().requires_grad(false));
}

/// -LP of the gold answer behind the prompt with the vectors in it, and its gradient by them.
QuestionGradient differentiate(const Transformer& model, const AskedQuestion& asked, const at::Tensor& vectors_KD) {
  const c10::AutoGradMode with_gradients(true);
  auto ids = prompt_of_gold(asked);
  ids.insert(ids.end(), asked.gold_answer.begin(), asked.gold_answer.end() - 1);
  const auto begin = static_cast<std::int64_t>(asked.prompt.candidate_begin);
  const auto answer = static_cast<std::int64_t>(asked.gold_answer.size());
  const std::vector<std::vector<TokenId>> sequence = {ids};
  const auto embedded_1SD = model.embed(pad_right(sequence, model.device())).detach();
  const auto leaf_KD = vectors_KD.detach().clone().requires_grad_(true);
  const auto own_1KD = in_scale(model.config(), leaf_KD.to(embedded_1SD.scalar_type())).unsqueeze(0);
  const auto x_1SD =
      at::cat({embedded_1SD.narrow(1, 0, begin), own_1KD, embedded_1SD.narrow(1, begin, embedded_1SD.size(1) - begin)}, 1);
  CausalContext context;
  const auto positions = at::arange(x_1SD.size(1), at::TensorOptions().dtype(at::kLong).device(model.device()));
  const auto hidden_SD = model.hidden_of(x_1SD, positions, context).squeeze(0);
  const auto log_p_T = target_log_probabilities(model, hidden_SD.narrow(0, hidden_SD.size(0) - answer, answer),
                                                to_tensor(asked.gold_answer, model.device()));
  const auto loss = -log_p_T.mean();
  const auto gradient_KD = torch::autograd::grad({loss}, {leaf_KD}).at(0);
  return {to_floats(gradient_KD), loss.item<double>(), x_1SD.size(1)};
}

/// Adam (Kingma & Ba, arXiv 1412.6980), as torch.optim.Adam computes it.
class Adam {
 public:
  Adam(at::Tensor first, at::Tensor second, std::int64_t steps)
      : first_(std::move(first)), second_(std::move(second)), steps_(steps) {}
  const at::Tensor& first() const { return first_; }
  const at::Tensor& second() const { return second_; }
  void step(at::Tensor& values, const at::Tensor& gradient, double learning_rate) {
    constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
    ++steps_;
    first_.mul_(kBeta1).add_(gradient, 1 - kBeta1);
    second_.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    const auto steps = static_cast<double>(steps_);
    const auto denominator = (second_ / (1 - std::pow(kBeta2, steps))).sqrt_().add_(kEpsilon);
    values.addcdiv_(first_, denominator, -learning_rate / (1 - std::pow(kBeta1, steps)));
  }

 private:
  at::Tensor first_, second_;
  std::int64_t steps_;
};

/// The mean of a batch of questions, summed in their order. Collective.
QuestionGradient differentiate_batch(const Communicator& group, const Transformer& model,
                                     const std::vector<const AskedQuestion*>& batch, const at::Tensor& vectors_KD,
                                     at::Tensor& gradient_KD) {
  const auto parts = share_work(group, batch.size(), 1, [&](std::size_t first, std::size_t last) {
    std::vector<QuestionGradient> results;
    for (auto i = first; i < last; ++i) results.push_back(differentiate(model, *batch[i], vectors_KD));
    return results;
  });
  QuestionGradient all;
  const auto count = static_cast<double>(batch.size());
  gradient_KD = at::zeros_like(vectors_KD);
  for (const auto& part : parts) {
    gradient_KD.add_(to_rows(part.values, vectors_KD.size(0), model.device()), 1.0 / count);
    all.loss += part.loss / count;
    all.tokens += part.tokens;
  }
  return all;
}

}  // namespace

std::vector<TokenId> starting_tokens(const Transformer& model, std::int64_t count, std::uint64_t seed) {
  const auto tokens = static_cast<std::uint64_t>(model.weights().embedding_VD.size(0));
  std::vector<TokenId> drawn;
  for (std::int64_t k = 0; k < count; ++k)
    drawn.push_back(
        static_cast<TokenId>(random_below(tokens, seed, stream_of("soft prompt"), static_cast<std::uint64_t>(k))));
  return drawn;
}

TrainedVectors untrained_vectors(const Transformer& model, const std::vector<TokenId>& start) {
  const auto values = to_floats(model.weights().embedding_VD.index_select(0, to_tensor(start, model.device())));
  const std::vector<float> zeros(values.size(), 0);
  return {values, 0, 0, 0, zeros, zeros};
}

TrainedVectors train_soft_prompt(const Communicator& group, const Transformer& model,
                                 const std::vector<const AskedQuestion*>& taught, const SoftPromptOptions& options,
                                 const TrainedVectors& from, std::int64_t steps, std::uint64_t seed,
                                 const std::function<void(std::int64_t)>& before_step) {
  UNPACT_EXPECT(!taught.empty() && model.runner() == nullptr && model.reinforced() == nullptr && from.step < steps);
  const c10::NoGradGuard guard;
  const auto& device = model.device();
  auto vectors_KD = to_rows(from.values, options.tokens, device);
  Adam optimizer(to_rows(from.first, options.tokens, device), to_rows(from.second, options.tokens, device), from.step);
  const EpochSampler sampler(static_cast<std::int64_t>(taught.size()), seed, /*shuffle=*/true);
  TrainedVectors now;
  for (now.step = from.step; now.step < steps; ++now.step) {
    if (before_step) before_step(now.step);
    std::vector<const AskedQuestion*> batch;
    for (std::int64_t i = 0; i < options.batch_size; ++i)
      batch.push_back(taught[static_cast<std::size_t>(sampler[now.step * options.batch_size + i])]);
    at::Tensor gradient_KD;
    const auto mean = differentiate_batch(group, model, batch, vectors_KD, gradient_KD);
    now.loss = mean.loss;
    now.tokens += mean.tokens;
    if (!std::isfinite(now.loss))
      throw RuntimeFailure(concat("the loss of the soft prompt is not finite in step ", now.step + 1),
                           "the model's activations overflow, or soft_prompt.learning_rate is too large",
                           "lower it; an unlearned model may have diverged, too");
    optimizer.step(vectors_KD, gradient_KD, options.learning_rate);
  }
  now.values = to_floats(vectors_KD);
  now.first = to_floats(optimizer.first());
  now.second = to_floats(optimizer.second());
  return now;
}

LanguageModel with_soft_tokens(const LanguageModel& model, const std::vector<float>& values, std::int64_t count) {
  const c10::NoGradGuard guard;
  auto config = model.transformer.config();
  auto weights = model.transformer.weights();
  const auto& table_VD = weights.embedding_VD;
  config.vocabulary_size = table_VD.size(0) + count;
  config.tied_embeddings = false;  // the output head stays as it is
  weights.embedding_VD = at::cat({table_VD, to_rows(values, count, table_VD.device()).to(table_VD.scalar_type())});
  auto result = model;
  result.transformer = Transformer(std::move(config), std::move(weights));
  return result;
}

std::vector<TokenId> with_soft_prompt(const Transformer& model, const Prompt& prompt, std::int64_t count) {
  auto ids = prompt.ids;
  const auto first = static_cast<TokenId>(model.weights().embedding_VD.size(0));
  std::vector<TokenId> soft;
  for (std::int64_t k = 0; k < count; ++k) soft.push_back(first + static_cast<TokenId>(k));
  ids.insert(ids.begin() + static_cast<std::ptrdiff_t>(prompt.candidate_begin), soft.begin(), soft.end());
  return ids;
}

}  // namespace unpact
