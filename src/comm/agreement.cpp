#include "unpact/comm/agreement.hpp"

#include <ATen/ATen.h>

#include "unpact/comm/fail_together.hpp"

namespace unpact {
namespace {

std::exception_ptr thrown_by(const std::function<void()>& step) {
  try {
    step();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

Agreement::Agreement(const Communicator& group, double wait_seconds)
    : line_(make_collectives(group, at::kCPU, CollectiveOptions{.timeout_seconds = wait_seconds})) {}

StepEnd Agreement::run(const std::function<void()>& step) {
  const auto own = thrown_by(step);
  const auto meet = [&] {
    line_->barrier();
    line_->barrier();  // one that comes late finds the first already entered by those who have left
  };
  if (const auto alone = thrown_by(meet)) return {own ? own : alone, false};
  const auto rethrow = [&] {
    if (own) std::rethrow_exception(own);
  };
  return {thrown_by([&] { fail_together(*line_, at::kCPU, rethrow, Telling::error_alone); }), true};
}

}  // namespace unpact
