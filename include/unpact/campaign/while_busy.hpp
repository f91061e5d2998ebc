#pragma once
/// What to do about something that is needed and that others are making just now.
#include "unpact/core/error.hpp"

namespace unpact {

enum class WhileBusy { wait, leave };

/// Somebody else makes it: there may be something else to do until it is there.
class MadeElsewhere : public Error {
 public:
  using Error::Error;
};

}  // namespace unpact
