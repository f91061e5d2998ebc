#include "require_room.hpp"

#include <cstdio>

#include "unpact/core/error.hpp"
#include "unpact/train/stage_memory.hpp"

namespace unpact {

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f GiB", bytes / (1 << 30));
  return text;
}

void require_room(const std::string& stage, const char* memory, double needed, double free) {
  const bool is_training = stage == kUnlearnStage || stage == kFinetuneStage;
  UNPACT_VALIDATE(needed <= free, concat("the stage '", stage, "' does not fit into the ", memory),
                  concat("a rank needs ", gibibytes(needed), ", and ", gibibytes(free), " are free for it"),
                  is_training ? "use more ranks_per_cell or nodes, train.recompute = true, train.dtype = bf16, a smaller "
                                "micro_batch or shorter examples"
                              : "with model.replica = auto a model that does not fit is cut over its ranks: use more "
                                "ranks_per_cell or nodes, devices with more memory or a smaller model");
}

}  // namespace unpact
