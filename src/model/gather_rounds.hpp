#pragma once
/// The units of sharded models, gathered in rounds in which all ranks of a group take part. Private to this layer.
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <map>
#include <memory>
#include <vector>

#include "unpact/comm/collectives.hpp"
#include "unpact/comm/communicator.hpp"
#include "unpact/model/flat_layout.hpp"

namespace unpact {

/// A unit whose weights come and go.
class GatheredUnit {
 public:
  /// Fills the slots with views of a storage that has no memory yet.
  GatheredUnit(const FlatLayout& layout, at::Tensor piece, Collectives& group);
  static void fill(const FlatLayout& layout, const at::Tensor& flat);

  void start();
  void finish();
  void release() { drop_memory(full_); }

 private:
  at::Tensor piece_, full_, fresh_;
  Collectives& group_;
  std::unique_ptr<PendingCollective> gathering_;
};

/// The gathers of all sharded models over a group: in a round every rank gathers the same units in the same order.
class GatherRounds final : public Communicator::Duty, public std::enable_shared_from_this<GatherRounds> {
 public:
  using Units = std::vector<std::unique_ptr<GatheredUnit>>;

  /// @param line of the group, made before: that is collective, too.
  GatherRounds(const Communicator& group, const c10::Device& device, std::unique_ptr<Collectives> line)
      : Duty(group), device_(device), line_(std::move(line)) {}

  /// Those of the group, begun with its first sharded model; null for a group of one rank. Collective.
  static std::shared_ptr<GatherRounds> over(const Communicator& group, const c10::Device& device);

  Collectives& line() { return *line_; }

  /// A model's gathered units join, and leave. Collective, but while an exception unwinds.
  int add(Units units);
  void remove(int model);

  /// Begins this rank's pass over the first so many units of models. Collective, with the others' begin() or serving.
  void begin(const std::map<int, std::size_t>& counts);
  /// The unit's weights are there when this returns, and the next ones on their way. Units follow each other.
  void hold(int model, std::size_t unit);
  void release();
  /// This rank's pass is over: the others' go on.
  void end();

  /// Takes part in the others' passes until no rank has one.
  void do_before_collective() override { serve(); }

 private:
  void serve();
  void agree(const std::map<int, std::size_t>& counts);
  void start_up_to(std::size_t end);
  void advance();
  void finish_round();

  /// After a failure of the line nobody waits on it any more.
  template <class Step>
  void careful(const Step& step);

  c10::Device device_;
  std::unique_ptr<Collectives> line_;
  std::map<int, Units> models_;
  std::vector<GatheredUnit*> round_;
  std::map<int, std::size_t> first_of_;  // of a model in the round
  std::size_t next_ = 0, started_ = 0;   // of the round: what is to be held next, what is to be started next
  GatheredUnit* held_ = nullptr;
  bool broken_ = false;
};

}  // namespace unpact
