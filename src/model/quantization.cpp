#include "unpact/model/quantization.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <functional>
#include <memory>
#include <vector>

#include "unpact/core/error.hpp"
#include "unpact/model/model_units.hpp"
#include "unpact/model/sharded_replica.hpp"

namespace unpact {
namespace {

constexpr std::int64_t kNf4Block = 64, kInt4Group = 128;

/// Rows of `width` numbers: of the flattened matrix, or of each of its rows; what is missing at an end is 0.
at::Tensor cut(const at::Tensor& rows, std::int64_t width) {
  const auto missing = (width - rows.size(-1) % width) % width;
  return at::constant_pad_nd(rows, {0, missing}, 0).reshape({-1, width});
}

/// Undoes cut().
at::Tensor uncut(const at::Tensor& cut_rows, const at::Tensor& rows) {
  const auto count = rows.dim() == 1 ? 1 : rows.size(0);
  return cut_rows.reshape({count, -1}).narrow(1, 0, rows.size(-1)).reshape(rows.sizes());
}

at::Tensor largest(const at::Tensor& rows) { return rows.abs().amax({1}, /*keepdim=*/true); }

/// The scale by which is divided; 1 for zeros alone.
at::Tensor divisor(const at::Tensor& scale) { return at::where(scale > 0, scale, at::ones_like(scale)); }

QuantizedMatrix quantize_nf4(const at::Tensor& weight_OI) {
  const auto flat = weight_OI.flatten();
  const auto blocks = cut(flat, kNf4Block), scale = largest(blocks);
  const auto levels =
      at::tensor(std::vector<double>(kNf4Levels.begin(), kNf4Levels.end()), at::kDouble).to(blocks.options());
  const auto middles = (levels.narrow(0, 0, 15) + levels.narrow(0, 1, 15)) / 2;
  const auto codes = at::bucketize(blocks / divisor(scale), middles);  // a number in the middle is the lower level, as there
  const auto values = levels.index_select(0, codes.flatten()).reshape(blocks.sizes()) * scale;
  return {uncut(codes, flat).to(at::kChar).reshape(weight_OI.sizes()), uncut(values, flat).reshape(weight_OI.sizes())};
}

QuantizedMatrix quantize_evenly(const at::Tensor& weight_OI, std::int64_t width, double largest_code) {
  const auto groups = cut(weight_OI, width);
  const auto scale = largest(groups) / largest_code;
  const auto codes = at::round(groups / divisor(scale));
  return {uncut(codes, weight_OI).to(at::kChar), uncut(codes * scale, weight_OI)};
}

/// Calls visit(unit, weights) with the weights of every unit at hand, those of shards gathered.
void for_units(const Transformer& model, const std::function<void(std::size_t, Weights&)>& visit) {
  const auto& config = model.config();
  const auto last = config.layers + 1;
  const auto nothing = at::zeros({1}, at::TensorOptions().device(model.device()));
  for (std::int64_t part = 0; part <= last; ++part)
    model.run_part(part, last, nothing, [&](const at::Tensor& input) {
      auto weights = model.weights();
      if (unit_of_part(config, part) == static_cast<std::size_t>(part)) visit(static_cast<std::size_t>(part), weights);
      return input;
    });
}

void quantize_unit(const ModelConfig& config, Weights& weights, std::size_t unit, Quantization kind) {
  for (const auto& spec : weight_specs(config, weights))
    if (unit_index(config, spec.name) == unit && is_quantized(spec.name, *spec.slot))
      *spec.slot = quantize(*spec.slot, kind).values_OI.to(spec.slot->scalar_type());
}

WeightPieces quantized_pieces(const Communicator& group, const Transformer& model, Quantization kind) {
  WeightPieces pieces(model.config(), group, model.weights().embedding_VD.scalar_type(), model.device());
  for_units(model, [&](std::size_t unit, Weights& weights) {
    quantize_unit(model.config(), weights, unit, kind);
    pieces.take(weights, unit);
  });
  return pieces;
}

Transformer quantized_whole(const Transformer& model, Quantization kind) {
  auto weights = model.weights();
  for (std::size_t unit = 0; unit < unit_count(model.config()); ++unit) quantize_unit(model.config(), weights, unit, kind);
  return {model.config(), std::move(weights)};
}

}  // namespace

QuantizedMatrix quantize(const at::Tensor& weight_OI, Quantization kind) {
  UNPACT_EXPECT(weight_OI.dim() == 2 && weight_OI.numel() > 0);
  const c10::NoGradGuard guard;
  const auto exact = weight_OI.scalar_type() == at::kDouble ? weight_OI : weight_OI.to(at::kFloat);
  switch (kind) {
    case Quantization::nf4: return quantize_nf4(exact);
    case Quantization::int4: return quantize_evenly(exact, kInt4Group, 7);
    case Quantization::int8_rows: break;
  }
  return quantize_evenly(exact, exact.size(1), 127);
}

bool is_quantized(const std::string& name, const at::Tensor& weight) {
  return name.starts_with("model.layers.") && weight.defined() && weight.dim() == 2;
}

Transformer quantized(const Communicator& group, const Transformer& model, Quantization kind) {
  const c10::NoGradGuard guard;
  const auto* second = model.reinforced();
  if (is_sharded(model)) {
    auto pieces = quantized_pieces(group, model, kind);  // a pass of two models goes through both
    if (second == nullptr) return sharded_transformer(group, std::move(pieces));
    auto others = quantized_pieces(group, *second, kind);
    return sharded_transformer(group, std::move(pieces), std::move(others), model.contrast_scale());
  }
  auto result = quantized_whole(model, kind);
  if (second != nullptr)
    result.contrast_with(std::make_shared<const Transformer>(quantized_whole(*second, kind)), model.contrast_scale());
  return result;
}

Transformer rounded_to(const Communicator& group, Transformer model, AnsweringBits bits) {
  switch (bits) {
    case AnsweringBits::all: break;
    case AnsweringBits::nf4: return quantized(group, model, Quantization::nf4);
    case AnsweringBits::int4: return quantized(group, model, Quantization::int4);
    case AnsweringBits::int8_rows: return quantized(group, model, Quantization::int8_rows);
  }
  return model;
}

std::array<EqualCodes, kQuantizations.size()> equal_codes(const Communicator& group, const Transformer& model,
                                                          const Transformer& whole) {
  const c10::NoGradGuard guard;
  UNPACT_EXPECT(model.reinforced() == nullptr);
  std::array<std::array<double, 2>, kQuantizations.size()> counts = {};
  auto others = whole.weights();
  const auto namesakes = weight_specs(whole.config(), others);
  for_units(model, [&](std::size_t unit, Weights& weights) {
    if (unit % static_cast<std::size_t>(group.size()) != static_cast<std::size_t>(group.rank())) return;
    const auto specs = weight_specs(model.config(), weights);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const auto& own = *specs[i].slot;
      if (unit_index(model.config(), specs[i].name) != unit || !is_quantized(specs[i].name, own)) continue;
      const auto other = namesakes[i].slot->to(own.options());
      for (std::size_t k = 0; k < kQuantizations.size(); ++k) {
        const auto equal = quantize(own, kQuantizations[k]).codes_OI == quantize(other, kQuantizations[k]).codes_OI;
        counts[k][0] += static_cast<double>(equal.sum().item<std::int64_t>());
        counts[k][1] += static_cast<double>(own.numel());
      }
    }
  });
  std::array<EqualCodes, kQuantizations.size()> result;
  for (std::size_t k = 0; k < result.size(); ++k)
    result[k] = {static_cast<std::uint64_t>(group.sum(counts[k][0])), static_cast<std::uint64_t>(group.sum(counts[k][1]))};
  return result;
}

}  // namespace unpact
