#include "unpact/kernels/tf32_products.hpp"

#include <ATen/Context.h>

namespace unpact::kernels {

Tf32Products::Tf32Products(bool wanted) : before_(are_on()) { at::globalContext().setAllowTF32CuBLAS(wanted); }

Tf32Products::~Tf32Products() { at::globalContext().setAllowTF32CuBLAS(before_); }

bool Tf32Products::are_on() { return at::globalContext().allowTF32CuBLAS(); }

}  // namespace unpact::kernels
