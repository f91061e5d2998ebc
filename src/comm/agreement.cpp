#include "unpact/comm/agreement.hpp"

#include <ATen/ATen.h>

#include "unpact/comm/fail_together.hpp"

namespace unpact {
namespace {

constexpr double kWait = 60;  // seconds: ranks that fail alike do so at about the same time

std::exception_ptr thrown_by(const std::function<void()>& step) {
  try {
    step();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

Agreement::Agreement(const Communicator& group)
    : line_(make_collectives(group, at::kCPU, CollectiveOptions{.timeout_seconds = kWait})) {}

StepEnd Agreement::run(const std::function<void()>& step) {
  const auto own = thrown_by(step);
  if (const auto alone = thrown_by([&] { line_->barrier(); })) return {own ? own : alone, false};
  return {thrown_by([&] {
            fail_together(
                *line_, at::kCPU,
                [&] {
                  if (own) std::rethrow_exception(own);
                },
                Telling::error_alone);
          }),
          true};
}

}  // namespace unpact
