#pragma once
/// How many weights the parts of a model have; private to this layer.
#include <functional>
#include <string>

#include "unpact/checkpoint/config.hpp"
#include "unpact/train/trainer.hpp"

namespace unpact {

struct ModelSizes {
  double all = 0, trained = 0;
  double block = 0;  ///< the largest
  double unit = 0;   ///< the largest (model_units.hpp)
  double head = 0;
  double head_unit = 0;      ///< the unit with the head
  double two_units = 0;      ///< the largest two neighbours among the other units
  double trained_block = 0;  ///< what trains of the block of which most does
};

/// @param selected which weights train, by name; empty: all.
ModelSizes sizes_of(const ModelConfig& config, const std::function<bool(const std::string&)>& selected);

/// The same during a training, which may have adapters: then those of the selected weights train.
ModelSizes sizes_of(const ModelConfig& config, const std::function<bool(const std::string&)>& selected,
                    const TrainOptions& options);

/// Bytes of a frozen weight during a training.
double frozen_bytes(const TrainOptions& options);

}  // namespace unpact
