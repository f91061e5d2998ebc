#include "unpact/comm/work_queue.hpp"

#include <exception>

#include "unpact/core/error.hpp"

namespace unpact {

struct SharedWorkQueue::State {
  std::int64_t count = 0;
  MPI_Win window = MPI_WIN_NULL;  // rank 0 of the world holds the number of items dealt
  std::int64_t dealt_alone = 0;   // the counter when there is no MPI
};

namespace {

/// Changes the counter of rank 0 and returns what it was.
std::int64_t change(MPI_Win window, std::int64_t operand, MPI_Op operation) {
  std::int64_t before = 0;
  UNPACT_MPI(MPI_Fetch_and_op(&operand, &before, MPI_INT64_T, 0, 0, operation, window));
  UNPACT_MPI(MPI_Win_flush(0, window));
  return before;
}

}  // namespace

SharedWorkQueue::SharedWorkQueue(const Communicator& world, std::int64_t count) : state_(std::make_unique<State>()) {
  UNPACT_EXPECT(count >= 0);
  state_->count = count;
  if (world.is_null()) return;
  std::int64_t* counter = nullptr;
  const MPI_Aint bytes = world.is_root() ? sizeof *counter : 0;
  auto& window = state_->window;
  UNPACT_MPI(MPI_Win_allocate(bytes, sizeof *counter, MPI_INFO_NULL, world.handle(), &counter, &window));
  UNPACT_MPI(MPI_Win_set_errhandler(window, MPI_ERRORS_RETURN));
  UNPACT_MPI(MPI_Win_lock_all(MPI_MODE_NOCHECK, window));
  if (world.is_root()) change(window, 0, MPI_REPLACE);
  world.barrier();  // nobody draws before the counter is zero
}

SharedWorkQueue::~SharedWorkQueue() {
  // Freeing waits for every rank; while an exception unwinds they would not come.
  if (state_->window == MPI_WIN_NULL || std::uncaught_exceptions() > 0) return;
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized) return;
  MPI_Win_unlock_all(state_->window);
  MPI_Win_free(&state_->window);
}

std::optional<std::int64_t> SharedWorkQueue::next(const Communicator& group) {
  std::int64_t item = 0;
  if (group.is_root()) item = state_->window == MPI_WIN_NULL ? state_->dealt_alone++ : change(state_->window, 1, MPI_SUM);
  group.broadcast_bytes(&item, sizeof item, 0);
  if (item >= state_->count) return std::nullopt;
  return item;
}

void SharedWorkQueue::close() {
  if (state_->window == MPI_WIN_NULL) state_->dealt_alone = state_->count;
  else change(state_->window, state_->count, MPI_REPLACE);
}

}  // namespace unpact
