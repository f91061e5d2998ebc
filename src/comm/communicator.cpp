#include "unpact/comm/communicator.hpp"

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <utility>

#include "gpu_operations.hpp"
#include "mpi_bytes.hpp"
#include "pause.hpp"
#include "unpact/core/error.hpp"

namespace unpact {

void backend::broadcast_parts(MPI_Comm group, void* data, std::size_t bytes, int root) {
  constexpr std::size_t kMaxBytesPerCall = std::size_t{1} << 30;
  auto* position = static_cast<char*>(data);
  while (bytes > 0) {
    const std::size_t now = std::min(bytes, kMaxBytesPerCall);
    UNPACT_MPI(MPI_Bcast(position, static_cast<int>(now), MPI_BYTE, root, group));
    position += now;
    bytes -= now;
  }
}

namespace {

bool mpi_is_running() {
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  return initialized && !finalized;
}

/// Collective clean-up while an exception unwinds would wait for ranks that never come.
bool may_call_collectives() { return std::uncaught_exceptions() == 0 && mpi_is_running(); }

std::string error_text(int code) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (!mpi_is_running() || MPI_Error_string(code, text, &length) != MPI_SUCCESS) return concat("MPI error ", code);
  return std::string(text, static_cast<std::size_t>(length));
}

std::string file_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

/// Returns when all ranks are here. Whatever collective follows is quick, and waits for nobody with a busy core.
void meet(MPI_Comm group) {
  MPI_Request request = MPI_REQUEST_NULL;
  UNPACT_MPI(MPI_Ibarrier(group, &request));
  const backend::Pause pause(backend::kSpinForRanks);
  for (int arrived = 0;; pause.next()) {
    UNPACT_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
    if (arrived != 0) return;
  }
}

}  // namespace

void check_mpi(int code, const char* call, const char* file, int line) {
  if (code == MPI_SUCCESS) [[likely]]
    return;
  int rank = 0;
  if (mpi_is_running()) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  throw RuntimeFailure(concat("an MPI call failed on rank ", rank, ": ", call),
                       concat(error_text(code), " (at ", file_name(file), ":", line, ")"),
                       "look for an earlier error of another rank; if there is none, check the network and MPI set-up");
}

namespace {
bool pending = false;
}

void MpiSession::leave_pending() { pending = true; }
bool MpiSession::has_pending() { return pending; }

MpiSession::MpiSession(int* argc, char*** argv) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  UNPACT_EXPECT(!initialized);  // one session a process
  load_gpu_operations();
  int provided = MPI_THREAD_SINGLE;
  UNPACT_MPI(MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &provided));
  UNPACT_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  UNPACT_MPI(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN));
  if (provided < MPI_THREAD_SERIALIZED)
    throw RuntimeFailure("this MPI library cannot be called from several threads",
                         concat("it provides thread level ", provided, ", unpact needs MPI_THREAD_SERIALIZED"),
                         "use an MPI library that was built with thread support");
}

MpiSession::~MpiSession() {
  if (may_call_collectives()) MPI_Finalize();
}

void MpiSession::abort_all(int exit_code) {
  std::cout << std::flush;
  std::cerr << std::flush;
  if (mpi_is_running()) MPI_Abort(MPI_COMM_WORLD, exit_code);
  std::_Exit(exit_code);
}

Communicator::Communicator(MPI_Comm handle) : handle_(handle) {
  UNPACT_MPI(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN));
  UNPACT_MPI(MPI_Comm_rank(handle_, &rank_));
  UNPACT_MPI(MPI_Comm_size(handle_, &size_));
}

Communicator Communicator::world() {
  if (!mpi_is_running()) return {};
  MPI_Comm copy = MPI_COMM_NULL;
  UNPACT_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &copy));
  return Communicator(copy);
}

Communicator::~Communicator() {
  if (handle_ != MPI_COMM_NULL && may_call_collectives()) MPI_Comm_free(&handle_);
}

Communicator::Communicator(Communicator&& other) noexcept
    : handle_(std::exchange(other.handle_, MPI_COMM_NULL)), rank_(std::exchange(other.rank_, 0)),
      size_(std::exchange(other.size_, 1)), duty_(std::move(other.duty_)) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this == &other) return *this;
  // The old communicator is freed here and now, where every rank assigns, not when `other` happens to end.
  Communicator old(std::move(*this));
  handle_ = std::exchange(other.handle_, MPI_COMM_NULL);
  rank_ = std::exchange(other.rank_, 0);
  size_ = std::exchange(other.size_, 1);
  duty_ = std::move(other.duty_);
  return *this;
}

Communicator::Duty::Duty(const Communicator& group) : place_(group.duty_) {
  UNPACT_EXPECT(place_ != nullptr && place_->duty == nullptr);
  place_->duty = this;
}

Communicator::Duty::~Duty() { place_->duty = nullptr; }

void Communicator::do_duty() const {
  const auto place = duty_;
  if (place == nullptr || place->duty == nullptr || place->running) return;
  place->running = true;
  try {
    place->duty->do_before_collective();
  } catch (...) {
    place->running = false;
    throw;
  }
  place->running = false;
}

template <class T>
T Communicator::reduce(T value, MPI_Datatype type, MPI_Op op) const {
  do_duty();
  if (is_null()) return value;
  T result{};
  meet(handle_);
  UNPACT_MPI(MPI_Allreduce(&value, &result, 1, type, op, handle_));
  return result;
}

MPI_Comm Communicator::handle() const { return is_null() && mpi_is_running() ? MPI_COMM_SELF : handle_; }

Communicator Communicator::dup() const {
  do_duty();
  if (is_null()) return {};
  MPI_Comm copy = MPI_COMM_NULL;
  meet(handle_);
  UNPACT_MPI(MPI_Comm_dup(handle_, &copy));
  return Communicator(copy);
}

Communicator Communicator::split(int color, int key) const {
  UNPACT_EXPECT(color >= 0);
  do_duty();
  if (is_null()) return {};
  MPI_Comm part = MPI_COMM_NULL;
  meet(handle_);
  UNPACT_MPI(MPI_Comm_split(handle_, color, key, &part));
  return Communicator(part);
}

Communicator Communicator::split_by_node() const {
  do_duty();
  if (is_null()) return {};
  MPI_Comm part = MPI_COMM_NULL;
  meet(handle_);
  UNPACT_MPI(MPI_Comm_split_type(handle_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &part));
  return Communicator(part);
}

void Communicator::barrier() const {
  do_duty();
  if (!is_null()) meet(handle_);
}

void Communicator::broadcast_bytes(void* data, std::size_t bytes, int root) const {
  UNPACT_EXPECT(root >= 0 && root < size_);
  UNPACT_EXPECT(data != nullptr || bytes == 0);
  do_duty();
  if (is_null()) return;
  meet(handle_);
  backend::broadcast_parts(handle_, data, bytes, root);
}

std::string Communicator::broadcast(const std::string& text, int root) const {
  do_duty();
  auto bytes = static_cast<std::uint64_t>(text.size());
  broadcast_bytes(&bytes, sizeof bytes, root);
  std::string result = rank_ == root ? text : std::string(bytes, '\0');
  broadcast_bytes(result.data(), result.size(), root);
  return result;
}

std::vector<std::string> Communicator::all_gather(const std::string& text) const {
  do_duty();
  if (is_null()) return {text};
  const auto ranks = static_cast<std::size_t>(size_);
  const auto mine = static_cast<std::int64_t>(text.size());
  std::vector<std::int64_t> bytes(ranks);
  meet(handle_);
  UNPACT_MPI(MPI_Allgather(&mine, 1, MPI_INT64_T, bytes.data(), 1, MPI_INT64_T, handle_));
  std::int64_t total = 0;
  for (const auto b : bytes) total += b;

  std::vector<std::string> result;
  if (total > INT_MAX) {  // beyond MPI's displacements: one chunked broadcast a rank
    for (int r = 0; r < size_; ++r) {
      result.push_back(r == rank_ ? text : std::string(static_cast<std::size_t>(bytes[r]), '\0'));
      broadcast_bytes(result.back().data(), result.back().size(), r);
    }
    return result;
  }
  std::vector<int> counts(ranks), starts(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    counts[r] = static_cast<int>(bytes[r]);
    starts[r] = r == 0 ? 0 : starts[r - 1] + counts[r - 1];
  }
  std::string all(static_cast<std::size_t>(total), '\0');
  UNPACT_MPI(MPI_Allgatherv(text.data(), static_cast<int>(mine), MPI_CHAR, all.data(), counts.data(), starts.data(),
                            MPI_CHAR, handle_));
  for (std::size_t r = 0; r < ranks; ++r) result.push_back(all.substr(starts[r], counts[r]));
  return result;
}

std::vector<double> Communicator::all_gather(double value) const {
  do_duty();
  std::vector<double> result(static_cast<std::size_t>(size_), value);
  if (is_null()) return result;
  meet(handle_);
  UNPACT_MPI(MPI_Allgather(&value, 1, MPI_DOUBLE, result.data(), 1, MPI_DOUBLE, handle_));
  return result;
}

double Communicator::sum(double value) const { return reduce(value, MPI_DOUBLE, MPI_SUM); }
std::int64_t Communicator::sum(std::int64_t value) const { return reduce(value, MPI_INT64_T, MPI_SUM); }
std::int64_t Communicator::max(std::int64_t value) const { return reduce(value, MPI_INT64_T, MPI_MAX); }
double Communicator::max(double value) const { return reduce(value, MPI_DOUBLE, MPI_MAX); }

}  // namespace unpact
