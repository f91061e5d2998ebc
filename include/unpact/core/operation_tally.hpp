#pragma once
/// How many floating-point operations this process has run: counted where tokens run, by the formulas of
/// model/operation_count.hpp, and read by whoever measures a stage.

namespace unpact {

/// Adds to the count; from any thread.
void count_operations(double operations);

/// All that was counted since the process began.
double operations_so_far();

/// While this lives, graphs of this thread are recorded and dropped: no backward pass follows, and none is counted.
class DroppedGraph {
 public:
  DroppedGraph();
  ~DroppedGraph();
  DroppedGraph(const DroppedGraph&) = delete;
  DroppedGraph& operator=(const DroppedGraph&) = delete;
  static bool active();

 private:
  bool before_;
};

}  // namespace unpact
