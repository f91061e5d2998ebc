#include "unpact/core/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace unpact {
namespace {

/// The way in which a stream stands for one that was closed: what is written to it fails.
constexpr int kClosedOutput = O_RDONLY;

}  // namespace

void guard_standard_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : kClosedOutput);
    if (opened != -1 && opened != stream) {  // never: the lowest free number is given
      ::dup2(opened, stream);
      ::close(opened);
    }
  }
}

bool stdout_leads_nowhere() {
  const int flags = ::fcntl(STDOUT_FILENO, F_GETFL);
  if (flags == -1 || (flags & O_ACCMODE) == kClosedOutput) return true;
  pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

}  // namespace unpact
