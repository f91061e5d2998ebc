#include "failures.hpp"

#include <ATen/ATen.h>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

std::string one_line(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return concat(known->problem(), ": ", known->reason());
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) return torch->what_without_backtrace();
  return error.what();
}

std::string first_failure(Collectives& group, const c10::Device& device, const std::string& own) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  auto lengths = at::empty({group.size()}, options);
  group.all_gather(lengths, at::full({1}, static_cast<std::int64_t>(own.size()), options));
  lengths = lengths.to(at::kCPU);
  for (int rank = 0; rank < group.size(); ++rank) {
    const auto length = lengths[rank].item<std::int64_t>();
    if (length == 0) continue;
    auto text = at::zeros({length}, at::kLong);
    for (std::int64_t i = 0; i < length && rank == group.rank(); ++i) text[i] = own[static_cast<std::size_t>(i)];
    text = text.to(device);
    group.broadcast(text, rank);
    text = text.to(at::kCPU);
    const auto* first = text.const_data_ptr<std::int64_t>();
    return concat("rank ", rank, ": ", std::string(first, first + length));
  }
  return {};
}

void rethrow_from_step(std::int64_t step) {
  const auto problem = concat("step ", step, " failed on rank ", log::rank());
  try {
    throw;
  } catch (const UserError&) {
    throw;
  } catch (const TrainingDiverged&) {
    throw;
  } catch (const Error& error) {
    throw RuntimeFailure(concat(problem, ": ", error.problem()), error.reason(), error.hint());
  } catch (const std::exception& error) {
    throw RuntimeFailure(problem, one_line(error), "look for an earlier message of this rank; check its memory and device");
  }
}

}  // namespace unpact
