#pragma once
/// Curves of probes that train: how many questions are right after so many steps.
#include <cstdint>
#include <limits>
#include <string>

namespace unpact {

struct CurvePoint {
  std::string probe;
  std::string arm;        ///< who was trained: unlearned, target or floor
  std::int64_t step = 0;  ///< optimizer steps done
  std::uint64_t right = 0,
                asked = 0;  ///< forget questions of `asked` that were right then; unlearned: those that it has forgotten
  double loss = std::numeric_limits<double>::quiet_NaN();  ///< of that step, nats a token
};

}  // namespace unpact
