#include <ATen/ATen.h>

#include "forms.hpp"

namespace unpact::kernels {

Form embedding_form(const at::Tensor& table_VD) {
  return is_plain(table_VD) && records_gradients() ? Form::node : Form::reference;
}

at::Tensor embedding(const at::Tensor& table_VD, const at::Tensor& tokens) {
  return embedding_form(table_VD) == Form::node ? node::embedding(table_VD, tokens) : at::embedding(table_VD, tokens);
}

Gathered reference::gather_rows(const at::Tensor& stored_keys_XGd, const at::Tensor& stored_values_XGd, std::int64_t stored,
                                const at::Tensor& fresh_keys_RGd, const at::Tensor& fresh_values_RGd,
                                const at::Tensor& index_R) {
  const auto chosen = [&](const at::Tensor& stored_XGd, const at::Tensor& fresh_RGd) {
    const auto all = stored == 0 ? fresh_RGd : at::cat({stored_XGd.narrow(0, 0, stored), fresh_RGd});
    return all.index_select(0, index_R);
  };
  return {chosen(stored_keys_XGd, fresh_keys_RGd), chosen(stored_values_XGd, fresh_values_RGd)};
}

}  // namespace unpact::kernels
