#undef _FORTIFY_SOURCE  // its inline functions would stand in the way of those defined here
#include "disk_faults.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

namespace unpact::testing_support::disk_faults {
namespace {

enum class Kind { write, other, removal };

struct State {
  char folder[PATH_MAX] = {};
  std::atomic<bool> armed = false, holding = false, released = false, full = false;
  std::atomic<long> counted = 0;
  Fault fault = Fault::none;
  long call = 0;
  useconds_t delay = 0;
};
State state;

const std::map<std::string, Fault>& names() {
  static const auto& all = *new std::map<std::string, Fault>{
      {"none", Fault::none}, {"no_space", Fault::no_space},       {"io_error", Fault::io_error},
      {"kill", Fault::kill}, {"short_write", Fault::short_write}, {"split_write", Fault::split_write},
      {"hold", Fault::hold}};
  return all;
}

/// Preloaded into a program: what the environment says. A test that says it wrongly must not pass.
[[gnu::constructor]] void arm_from_environment() {
  const char* folder = std::getenv("UNPACT_DISK_FOLDER");
  const char* fault = std::getenv("UNPACT_DISK_FAULT");
  if (folder == nullptr || fault == nullptr) return;
  const char *call = std::getenv("UNPACT_DISK_FAULT_CALL"), *wanted = std::getenv("UNPACT_DISK_FAULT_RANK"),
             *rank = std::getenv("OMPI_COMM_WORLD_RANK"), *delay = std::getenv("UNPACT_DISK_DELAY");
  if (names().count(fault) == 0) std::abort();
  if (delay != nullptr) state.delay = static_cast<useconds_t>(1000 * std::atol(delay));
  if (wanted != nullptr && (rank == nullptr || std::strcmp(wanted, rank) != 0)) return;
  arm(folder, names().at(fault), call != nullptr ? std::atol(call) : 0);
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_below(const char* path) {
  const auto length = std::strlen(state.folder);
  return path != nullptr && std::strncmp(path, state.folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

bool is_below(int descriptor) {
  char link[64], path[PATH_MAX] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  return ::readlink(link, path, sizeof path - 1) > 0 && is_below(path);
}

bool counts(Kind kind) {
  switch (state.fault) {
    case Fault::short_write:
    case Fault::split_write:
    case Fault::hold: return kind == Kind::write;
    case Fault::kill: return true;
    default: return kind != Kind::removal;
  }
}

/// Gives up after a minute, so that a program which waits for what is held fails instead of hanging.
void wait_for_release() {
  state.holding = true;
  for (int half_milliseconds = 0; !state.released && half_milliseconds < 120'000; ++half_milliseconds) ::usleep(500);
  state.holding = false;
}

/// Counts a call. @return errno that it must fail with; 0: it goes through; -1: half of it does.
template <class Place>
int fault_of(Kind kind, Place place) {
  if (!state.armed || !is_below(place) || !counts(kind)) return 0;
  if (state.delay > 0) ::usleep(state.delay);
  if (kind == Kind::write && state.full.exchange(false)) return ENOSPC;
  if (++state.counted != state.call) return 0;
  switch (state.fault) {
    case Fault::no_space: return ENOSPC;
    case Fault::io_error: return EIO;
    case Fault::short_write: state.full = true; return -1;
    case Fault::split_write: return -1;
    case Fault::kill: ::raise(SIGKILL); break;
    case Fault::hold: wait_for_release(); break;
    case Fault::none: break;
  }
  return 0;
}

/// A call that succeeds as a whole or fails.
template <class Place, class Call, class Failed>
auto guarded(Kind kind, Place place, Failed failed, const Call& call) -> decltype(call()) {
  const int keep = errno, code = fault_of(kind, place);
  errno = code > 0 ? code : keep;
  return code > 0 ? failed : call();
}

}  // namespace

void arm(const std::string& folder, Fault fault, long call) {
  disarm();
  std::snprintf(state.folder, sizeof state.folder, "%s", folder.c_str());
  state.fault = fault;
  state.call = call;
  state.counted = 0;
  state.released = state.full = false;
  state.armed = true;
}

void disarm() {
  state.armed = false;
  state.released = true;
}

long calls() { return state.counted; }
bool is_holding() { return state.holding; }
void release() { state.released = true; }

namespace {

/// write() and its kin; of zero bytes or one there is no half.
template <class Call>
ssize_t guarded_write(int descriptor, std::size_t bytes, const Call& call) {
  const int keep = errno, code = fault_of(Kind::write, descriptor);
  errno = code > 0 ? code : keep;
  if (code > 0) return -1;
  return call(code < 0 && bytes > 1 ? bytes / 2 : bytes);
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
}

using Open = int(const char*, int, ...);
using Fopen = FILE*(const char*, const char*);

int guarded_open(Open* original, const char* path, int flags, mode_t mode) {
  if ((flags & O_CREAT) == 0) return original(path, flags, mode);
  return guarded(Kind::other, path, -1, [&] { return original(path, flags, mode); });
}

FILE* guarded_fopen(Fopen* original, const char* path, const char* mode) {
  if (mode == nullptr || mode[0] == 'r') return original(path, mode);
  return guarded(Kind::other, path, static_cast<FILE*>(nullptr), [&] { return original(path, mode); });
}

}  // namespace
}  // namespace unpact::testing_support::disk_faults

namespace faults = unpact::testing_support::disk_faults;

extern "C" {

ssize_t write(int descriptor, const void* data, size_t bytes) {
  static auto* original = faults::next<ssize_t(int, const void*, size_t)>("write");
  return faults::guarded_write(descriptor, bytes, [&](size_t part) { return original(descriptor, data, part); });
}

ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t at) {
  static auto* original = faults::next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return faults::guarded_write(descriptor, bytes, [&](size_t part) { return original(descriptor, data, part, at); });
}

ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off64_t at) {
  static auto* original = faults::next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64");
  return faults::guarded_write(descriptor, bytes, [&](size_t part) { return original(descriptor, data, part, at); });
}

/// Half of a vector is half of its first entry.
ssize_t writev(int descriptor, const iovec* parts, int count) {
  static auto* original = faults::next<ssize_t(int, const iovec*, int)>("writev");
  const size_t first = count > 0 ? parts[0].iov_len : 0;
  return faults::guarded_write(descriptor, first, [&](size_t part) {
    const iovec half{count > 0 ? parts[0].iov_base : nullptr, part};
    return part < first ? original(descriptor, &half, 1) : original(descriptor, parts, count);
  });
}

int fsync(int descriptor) {
  static auto* original = faults::next<int(int)>("fsync");
  return faults::guarded(faults::Kind::other, descriptor, -1, [&] { return original(descriptor); });
}

int open(const char* path, int flags, ...) {
  static auto* original = faults::next<faults::Open>("open");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = faults::mode_of(flags, arguments);
  va_end(arguments);
  return faults::guarded_open(original, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  static auto* original = faults::next<faults::Open>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = faults::mode_of(flags, arguments);
  va_end(arguments);
  return faults::guarded_open(original, path, flags, mode);
}

FILE* fopen(const char* path, const char* mode) {
  static auto* original = faults::next<faults::Fopen>("fopen");
  return faults::guarded_fopen(original, path, mode);
}

FILE* fopen64(const char* path, const char* mode) {
  static auto* original = faults::next<faults::Fopen>("fopen64");
  return faults::guarded_fopen(original, path, mode);
}

int rename(const char* from, const char* to) noexcept {
  static auto* original = faults::next<int(const char*, const char*)>("rename");
  return faults::guarded(faults::Kind::other, to, -1, [&] { return original(from, to); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static auto* original = faults::next<int(const char*, mode_t)>("mkdir");
  return faults::guarded(faults::Kind::other, path, -1, [&] { return original(path, mode); });
}

int unlink(const char* path) noexcept {
  static auto* original = faults::next<int(const char*)>("unlink");
  return faults::guarded(faults::Kind::removal, path, -1, [&] { return original(path); });
}

int rmdir(const char* path) noexcept {
  static auto* original = faults::next<int(const char*)>("rmdir");
  return faults::guarded(faults::Kind::removal, path, -1, [&] { return original(path); });
}

int remove(const char* path) noexcept {
  static auto* original = faults::next<int(const char*)>("remove");
  return faults::guarded(faults::Kind::removal, path, -1, [&] { return original(path); });
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  static auto* original = faults::next<int(int, const char*, int)>("unlinkat");
  const auto call = [&] { return original(folder, path, flags); };
  if (folder == AT_FDCWD || path[0] == '/') return faults::guarded(faults::Kind::removal, path, -1, call);
  return faults::guarded(faults::Kind::removal, folder, -1, call);
}

}  // extern "C"
