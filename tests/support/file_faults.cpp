#undef _FORTIFY_SOURCE  // its inline functions would stand in the way of those defined here
/// A file system without locks, or one whose files cannot be read now, for tests of the whole program: preloaded
/// (LD_PRELOAD), it stands before the calls of the C library that lock, open to read, and read. Files below a folder fail:
///
///     UNPACT_FILE_FAULT   lock: flock(), lockf() and the locks of fcntl(); open: opening to read; read: reading
///     UNPACT_FILE_ERROR   errno that they fail with       UNPACT_FILE_FOLDER  the folder
///     UNPACT_FILE_NAME    open and read: the end of the names of those files; empty: all
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* setting(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

bool is_concerned(const char* path, bool by_name) {
  const char *folder = setting("UNPACT_FILE_FOLDER"), *name = by_name ? setting("UNPACT_FILE_NAME") : "";
  const auto length = std::strlen(path), end = std::strlen(name);
  return *folder != '\0' && std::strncmp(path, folder, std::strlen(folder)) == 0 && length >= end &&
         std::strcmp(path + length - end, name) == 0;
}

/// Whether this call fails; errno is set then.
bool fails(const char* fault, const char* path, bool by_name = true) {
  if (std::strcmp(setting("UNPACT_FILE_FAULT"), fault) != 0 || !is_concerned(path, by_name)) return false;
  errno = std::atoi(setting("UNPACT_FILE_ERROR"));
  return true;
}

bool fails(const char* fault, int descriptor, bool by_name = true) {
  const int keep = errno;
  char link[64], path[PATH_MAX] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const bool known = ::readlink(link, path, sizeof path - 1) > 0;
  errno = keep;
  return known && fails(fault, path, by_name);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_lock(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK ||
         command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

using Fcntl = int(int, int, ...);
using Open = int(const char*, int, ...);

int guarded_fcntl(Fcntl* original, int descriptor, int command, void* argument) {
  if (is_lock(command) && fails("lock", descriptor, false)) return -1;
  return original(descriptor, command, argument);
}

int guarded_open(Open* original, const char* path, int flags, mode_t mode) {
  if ((flags & O_ACCMODE) == O_RDONLY && fails("open", path)) return -1;
  return original(path, flags, mode);
}

}  // namespace

extern "C" {

int flock(int descriptor, int operation) noexcept {
  static auto* original = next<int(int, int)>("flock");
  return fails("lock", descriptor, false) ? -1 : original(descriptor, operation);
}

int lockf(int descriptor, int command, off_t length) {
  static auto* original = next<int(int, int, off_t)>("lockf");
  return fails("lock", descriptor, false) ? -1 : original(descriptor, command, length);
}

int fcntl(int descriptor, int command, ...) {
  static auto* original = next<Fcntl>("fcntl");
  va_list arguments;
  va_start(arguments, command);
  auto* argument = va_arg(arguments, void*);
  va_end(arguments);
  return guarded_fcntl(original, descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
  static auto* original = next<Fcntl>("fcntl64");
  va_list arguments;
  va_start(arguments, command);
  auto* argument = va_arg(arguments, void*);
  va_end(arguments);
  return guarded_fcntl(original, descriptor, command, argument);
}

int open(const char* path, int flags, ...) {
  static auto* original = next<Open>("open");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
  va_end(arguments);
  return guarded_open(original, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  static auto* original = next<Open>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
  va_end(arguments);
  return guarded_open(original, path, flags, mode);
}

ssize_t read(int descriptor, void* data, size_t bytes) {
  static auto* original = next<ssize_t(int, void*, size_t)>("read");
  return fails("read", descriptor) ? -1 : original(descriptor, data, bytes);
}

ssize_t pread(int descriptor, void* data, size_t bytes, off_t at) {
  static auto* original = next<ssize_t(int, void*, size_t, off_t)>("pread");
  return fails("read", descriptor) ? -1 : original(descriptor, data, bytes, at);
}

ssize_t pread64(int descriptor, void* data, size_t bytes, off64_t at) {
  static auto* original = next<ssize_t(int, void*, size_t, off64_t)>("pread64");
  return fails("read", descriptor) ? -1 : original(descriptor, data, bytes, at);
}

}  // extern "C"
