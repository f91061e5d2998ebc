#pragma once
/// Work that allocates and frees the same sizes again and again, such as training steps, pays for every page that the
/// allocator hands back to the operating system and gets again, zeroed, a moment later.

namespace unpact {

/// While one exists, freed memory of this process stays with it for the next allocation (glibc; elsewhere nothing
/// happens). With the last one gone what is free goes back to the system. Results do not depend on it.
class KeptMemory {
 public:
  KeptMemory();
  ~KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
};

}  // namespace unpact
