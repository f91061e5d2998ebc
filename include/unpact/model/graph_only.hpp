#pragma once
/// A block that runs again in the backward pass runs for its graph: nobody reads its output's value.

namespace unpact {

/// While one exists on this thread, the last product of a block may be left out: outputs of Transformer's blocks then have
/// the right graph and shape, and no meaningful value. Gradients are those of a full pass, bit for bit.
class GraphOnly {
 public:
  GraphOnly();
  ~GraphOnly();
  GraphOnly(const GraphOnly&) = delete;
  GraphOnly& operator=(const GraphOnly&) = delete;
  static bool active();

 private:
  bool before_;
};

}  // namespace unpact
