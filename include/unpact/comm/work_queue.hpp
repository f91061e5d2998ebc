#pragma once
/// Items 0..count-1 dealt out in order to whichever rank group asks next, through an MPI one-sided counter.
#include <cstdint>
#include <memory>
#include <optional>

#include "unpact/comm/communicator.hpp"

namespace unpact {

class SharedWorkQueue {
 public:
  /// Collective over `world`, which must outlive the queue.
  SharedWorkQueue(const Communicator& world, std::int64_t count);
  ~SharedWorkQueue();  ///< collective over `world`; waits until every rank is there
  SharedWorkQueue(const SharedWorkQueue&) = delete;
  SharedWorkQueue& operator=(const SharedWorkQueue&) = delete;
  /// The next item, or nothing when all are dealt. Collective over `group` (every rank of it gets the same item), a
  /// part of `world`; the null communicator is a group of one rank. @throws RuntimeFailure when MPI reports an error.
  std::optional<std::int64_t> next(const Communicator& group);
  /// From now on next() gives nothing to anybody. Any rank may call it, alone. @throws as next().
  void close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unpact
