#pragma once
/// MPI without its C interface: a session, and communicators that also work without MPI (one rank).
///
/// Every MPI call goes through one checked wrapper that throws RuntimeFailure with call, file, line and rank.
#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace unpact {

/// Starts MPI (MPI_THREAD_SERIALIZED), makes errors return, and finalizes at the end of `main`.
/// Must not be destroyed after an error on one rank: call abort_all() then.
class MpiSession {
 public:
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Ends the job on every rank at once with this exit code. Does not return.
  [[noreturn]] static void abort_all(int exit_code);

  /// Notes that a collective was left under way, after an error: MPI cannot be finalized in order any more.
  static void leave_pending();
  static bool has_pending();
};

/// A group of ranks. Move-only; the null communicator is one rank that needs no MPI. The destructor is collective;
/// while an exception unwinds it frees nothing, since the other ranks would not be there.
class Communicator {
 public:
  Communicator() = default;     ///< the null communicator: rank 0 of 1
  static Communicator world();  ///< a duplicate of MPI_COMM_WORLD (collective); null when MPI is not started
  ~Communicator();
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  bool is_null() const { return handle_ == MPI_COMM_NULL; }
  /// MPI_COMM_SELF for the null communicator when MPI is running.
  MPI_Comm handle() const;

  /// What a rank owes the others before it meets them, e.g. its part in what they have under way over another line.
  class Duty {
   public:
    /// Of every rank; there is one a communicator, which need not outlive it.
    explicit Duty(const Communicator& group);
    virtual ~Duty();
    Duty(const Duty&) = delete;
    Duty& operator=(const Duty&) = delete;
    /// Runs at the beginning of every collective of the communicator, on every rank. May use that communicator itself.
    virtual void do_before_collective() = 0;

   private:
    friend class Communicator;
    struct Place {
      Duty* duty = nullptr;
      bool running = false;
    };
    std::shared_ptr<Place> place_;
  };
  Duty* duty() const { return duty_ == nullptr ? nullptr : duty_->duty; }  ///< nullptr: there is none

  // All below are collective over this communicator and throw RuntimeFailure when MPI reports an error. A rank that waits in
  // them for long uses no core.
  Communicator dup() const;  ///< the same ranks, with messages that cannot mix with this communicator's
  /// The ranks that pass the same color (>= 0), ordered by key, then by rank.
  Communicator split(int color, int key) const;
  Communicator split_by_node() const;  ///< the ranks that share this rank's memory
  void barrier() const;
  void broadcast_bytes(void* data, std::size_t bytes, int root) const;
  /// The root's text on every rank; of any length.
  std::string broadcast(const std::string& text, int root) const;
  std::vector<std::string> all_gather(const std::string& text) const;  ///< one string a rank, in rank order
  std::vector<double> all_gather(double value) const;
  double sum(double value) const;  ///< bit-equal on every rank, as are the other reductions
  std::int64_t sum(std::int64_t value) const;
  std::int64_t max(std::int64_t value) const;
  double max(double value) const;

 private:
  explicit Communicator(MPI_Comm handle);
  void do_duty() const;
  template <class T>
  T reduce(T value, MPI_Datatype type, MPI_Op op) const;

  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::shared_ptr<Duty::Place> duty_ = std::make_shared<Duty::Place>();
};

/// Throws RuntimeFailure when an MPI call did not succeed.
void check_mpi(int code, const char* call, const char* file, int line);
#define UNPACT_MPI(call) ::unpact::check_mpi(call, #call, __FILE__, __LINE__)

}  // namespace unpact
