#pragma once

namespace unpact::kernels {

/// Whether products of float32 matrices run in TF32 on CUDA, which keeps 10 bits of each factor and sums in float32: as said
/// for as long as this lives, then as before. A setting of the whole process, which no CPU heeds.
class Tf32Products {
 public:
  explicit Tf32Products(bool wanted);
  ~Tf32Products();
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;

  static bool are_on();

 private:
  bool before_;
};

}  // namespace unpact::kernels
