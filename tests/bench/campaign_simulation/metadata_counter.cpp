#undef _FORTIFY_SOURCE  // its inline functions would stand in the way of those defined here
#include "metadata_counter.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace unpact::testing_support {
namespace {

char folder[PATH_MAX] = {};
std::atomic<std::int64_t> names = 0, entries = 0;

}  // namespace

void count_metadata_below(const std::string& path) {
  std::snprintf(folder, sizeof folder, "%s", path.c_str());
  names = entries = 0;
}

std::int64_t metadata_operations() { return names + entries / kNamesInAReply; }

void add_metadata_operations(std::int64_t count) { names += count; }

namespace metadata_counter {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void note(const char* path) {
  const auto length = std::strlen(folder);
  if (length > 0 && path != nullptr && std::strncmp(path, folder, length) == 0) ++names;
}

bool is_counting() { return folder[0] != '\0'; }

void note_entry() {
  if (is_counting()) ++entries;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
}

}  // namespace metadata_counter
}  // namespace unpact::testing_support

namespace counter = unpact::testing_support::metadata_counter;

// A function of one path, under its name.
#define UNPACT_COUNTED(RESULT, NAME, PARAMETERS, ARGUMENTS)          \
  RESULT NAME PARAMETERS {                                           \
    static auto* original = counter::next<RESULT PARAMETERS>(#NAME); \
    counter::note(path);                                             \
    return original ARGUMENTS;                                       \
  }

#define UNPACT_COUNTED_OPEN(NAME)                                             \
  int NAME(const char* path, int flags, ...) {                                \
    static auto* original = counter::next<int(const char*, int, ...)>(#NAME); \
    counter::note(path);                                                      \
    va_list arguments;                                                        \
    va_start(arguments, flags);                                               \
    const auto mode = counter::mode_of(flags, arguments);                     \
    va_end(arguments);                                                        \
    return original(path, flags, mode);                                       \
  }

#define UNPACT_COUNTED_OPEN_AT(NAME)                                               \
  int NAME(int at, const char* path, int flags, ...) {                             \
    static auto* original = counter::next<int(int, const char*, int, ...)>(#NAME); \
    counter::note(path);                                                           \
    va_list arguments;                                                             \
    va_start(arguments, flags);                                                    \
    const auto mode = counter::mode_of(flags, arguments);                          \
    va_end(arguments);                                                             \
    return original(at, path, flags, mode);                                        \
  }

extern "C" {

UNPACT_COUNTED_OPEN(open)
UNPACT_COUNTED_OPEN(open64)
UNPACT_COUNTED_OPEN_AT(openat)
UNPACT_COUNTED_OPEN_AT(openat64)
UNPACT_COUNTED(FILE*, fopen, (const char* path, const char* mode), (path, mode))
UNPACT_COUNTED(FILE*, fopen64, (const char* path, const char* mode), (path, mode))
UNPACT_COUNTED(DIR*, opendir, (const char* path), (path))
UNPACT_COUNTED(int, stat, (const char* path, struct stat* result), (path, result))
UNPACT_COUNTED(int, stat64, (const char* path, struct stat64* result), (path, result))
UNPACT_COUNTED(int, lstat, (const char* path, struct stat* result), (path, result))
UNPACT_COUNTED(int, lstat64, (const char* path, struct stat64* result), (path, result))
UNPACT_COUNTED(int, fstatat, (int at, const char* path, struct stat* result, int flags), (at, path, result, flags))
UNPACT_COUNTED(int, fstatat64, (int at, const char* path, struct stat64* result, int flags), (at, path, result, flags))
UNPACT_COUNTED(int, access, (const char* path, int mode), (path, mode))
UNPACT_COUNTED(int, rename, (const char* path, const char* target), (path, target))
UNPACT_COUNTED(int, unlink, (const char* path), (path))
UNPACT_COUNTED(int, unlinkat, (int at, const char* path, int flags), (at, path, flags))
UNPACT_COUNTED(int, remove, (const char* path), (path))
UNPACT_COUNTED(int, mkdir, (const char* path, mode_t mode), (path, mode))
UNPACT_COUNTED(int, rmdir, (const char* path), (path))

int fsync(int descriptor) {
  static auto* original = counter::next<int(int)>("fsync");
  return counter::is_counting() ? 0 : original(descriptor);
}

dirent* readdir(DIR* directory) {
  static auto* original = counter::next<dirent*(DIR*)>("readdir");
  counter::note_entry();
  return original(directory);
}

dirent64* readdir64(DIR* directory) {
  static auto* original = counter::next<dirent64*(DIR*)>("readdir64");
  counter::note_entry();
  return original(directory);
}

}  // extern "C"
