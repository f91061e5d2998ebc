#include "mpi_queue.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "backends.hpp"
#include "pause.hpp"
#include "unpact/core/error.hpp"

namespace unpact::backend {
namespace {

/// What a wait in vain leaves behind: MPI may still write to the buffers, and freeing a communicator with a pending
/// collective crashes Open MPI.
struct Remains {
  std::deque<std::shared_ptr<MpiOperation>> operations;
  Communicator agreements, data, reports;
};

void leave_to_mpi(Remains remains) {
  static auto& left = *new std::vector<Remains>;  // never destroyed
  left.push_back(std::move(remains));
  MpiSession::leave_pending();
}

}  // namespace

MpiQueue::MpiQueue(const Communicator& group, double timeout_seconds)
    : agreements_(group.dup()), data_(group.dup()), reports_(group.dup()), peers_(group), timeout_(timeout_seconds),
      rank_(group.rank()), size_(group.size()) {}

MpiQueue::~MpiQueue() {
  if (!operations_.empty())
    leave_to_mpi({std::move(operations_), std::move(agreements_), std::move(data_), std::move(reports_)});
}

void MpiQueue::fail_late(const std::string& what) {
  leave_to_mpi({std::move(operations_), std::move(agreements_), std::move(data_), std::move(reports_)});
  operations_.clear();
  throw RuntimeFailure(
      concat("rank ", rank_, " of ", size_, " waited in vain for the others in ", what),
      concat("not every rank came within ", timeout_, " s"),
      "look for an earlier error or a stuck rank; raise UNPACT_COLLECTIVE_TIMEOUT if the work is merely uneven");
}

void MpiQueue::fail_mismatch(const std::string& what) {
  std::string table;
  const auto calls = reports_.all_gather(what);
  for (std::size_t r = 0; r < calls.size(); ++r) table += concat(r == 0 ? "" : "\n    ", "rank ", r, ": ", calls[r]);
  throw RuntimeFailure(concat("the ranks do different things (seen on rank ", rank_, ")"), table,
                       "this is a defect of unpact; please report it with the command that led here");
}

/// Takes every operation as far as it comes without waiting.
void MpiQueue::advance() {
  for (auto& operation : operations_) {
    if (!operation->agreed_) {
      int agreed = 0;
      UNPACT_MPI(MPI_Test(&operation->agreement_, &agreed, MPI_STATUS_IGNORE));
      if (!agreed) return;  // what began later must not overtake it
      operation->agreed_ = true;
      for (std::size_t i = 0; i < 4; ++i)
        if (operation->highest_[i] != -operation->highest_[i + 4]) fail_mismatch(operation->what_);
    }
    if (!std::exchange(operation->posted_, true)) operation->post_(*operation);
  }
}

template <class Done>
void MpiQueue::wait_until(const std::string& what, double spin_seconds, Done done) {
  const Pause pause(spin_seconds);
  Patience patience(peers_, timeout_);
  bool noted = false;
  for (advance(); !done(); advance()) {
    const double waited = patience.seconds();
    if (!noted && waited > timeout_ / 2) noted = note_wait(what, waited);
    if (waited > timeout_) fail_late(what);
    pause.next();
  }
}

std::shared_ptr<MpiOperation> MpiQueue::start(const char* name, const Signature& signature,
                                              std::function<void(MpiOperation&)> post) {
  UNPACT_EXPECT(!agreements_.is_null());  // unusable after a wait in vain
  auto operation = std::make_shared<MpiOperation>();
  operation->what_ = concat("collective #", ++sequence_, " (", name, " of ", signature[2], " ",
                            at::toString(static_cast<at::ScalarType>(signature[1])), " elements, root ", signature[3], ")");
  for (std::size_t i = 0; i < 4; ++i) {
    operation->mine_[i] = signature[i];
    operation->mine_[i + 4] = -signature[i];
  }
  operation->post_ = std::move(post);
  UNPACT_MPI(MPI_Iallreduce(operation->mine_.data(), operation->highest_.data(), static_cast<int>(operation->mine_.size()),
                            MPI_INT64_T, MPI_MAX, agreements_.handle(), &operation->agreement_));
  operations_.push_back(operation);
  advance();
  return operation;
}

void MpiQueue::finish(MpiOperation& operation) {
  if (operation.done_) return;
  UNPACT_EXPECT(!agreements_.is_null());
  wait_until(operation.what_, kSpinForRanks, [&] { return operation.posted_; });
  for (auto& request : operation.requests_)
    wait_until(operation.what_, kSpinForData, [&] {
      int arrived = 0;
      UNPACT_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
      return arrived != 0;
    });
  const c10::NoGradGuard no_grad;
  for (auto& [send, sum, target] : operation.kept_)
    if (target.defined()) target.copy_(sum);
  operation.done_ = true;
  operation.kept_.clear();
  operation.post_ = nullptr;  // and with it the tensors
  std::erase_if(operations_, [&](const auto& other) { return other.get() == &operation; });
}

void MpiQueue::agree(const char* name, const Signature& signature) {
  const auto operation = start(name, signature, [](MpiOperation&) {});
  finish(*operation);
}

}  // namespace unpact::backend
