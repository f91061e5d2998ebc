#pragma once
/// One bit that any rank may set and every rank sees soon after, without anybody waiting for it: "leave off".
#include <memory>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// Sent as empty messages between ranks, which every transport has (a shared counter it need not have).
class Notice {
 public:
  /// Collective over `world`, which must outlive the notice.
  explicit Notice(const Communicator& world);
  ~Notice();  ///< collective over `world`, except while an exception unwinds
  Notice(const Notice&) = delete;
  Notice& operator=(const Notice&) = delete;

  /// By any rank, alone; again is harmless. @throws RuntimeFailure when MPI reports an error.
  void raise();
  /// Whether this rank has raised it, or somebody's message has arrived. @throws as raise().
  bool is_raised();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unpact
