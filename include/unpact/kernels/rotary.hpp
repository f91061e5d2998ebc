#pragma once
/// Rotary position embedding (Su et al., arXiv 2104.09864) in the half-split layout of Hugging Face's Llama: channel i is
/// paired with channel i + d/2.
///
/// Legend of shapes: B sequences, S tokens, P positions 0..P-1, n rows, H heads, d head size.
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace unpact::kernels {

/// Cosines and sines for every channel of a head, (..., d).
struct Angles {
  at::Tensor cosine, sine;
};

/// The dtype of cosines and sines: the weights', or on CUDA, whose kernel takes it and rounds once, float32.
at::ScalarType angle_dtype(const at::TensorOptions& weights);

/// Of these positions (...): (..., d). @param frequencies the angle per position of each channel pair, (d/2) float32.
/// @param scale of cosines and sines.
Angles angles_of(const at::Tensor& positions, const at::Tensor& frequencies, at::ScalarType dtype, double scale = 1.0);

/// Of positions 0..count-1, (P, d): tables of any length agree.
Angles angle_table(std::int64_t count, const at::Tensor& frequencies, at::ScalarType dtype, double scale = 1.0);

/// Turns x (B, S, H, d), or by narrower angles (..., r) its first r channels, perhaps in place: it must be the fresh output of
/// a projection or norm, and is not used again.
/// @param angles of shape (S, 1, d), or (B, S, 1, d) where each sequence has its own positions.
at::Tensor rotate(const at::Tensor& x_BSHd, const Angles& angles);

/// The same of rows, row r by the angles of position positions_n[r] of a table. Without gradients.
at::Tensor rotate_rows(const at::Tensor& x_nHd, const Angles& table_Pd, const at::Tensor& positions_n);

}  // namespace unpact::kernels
