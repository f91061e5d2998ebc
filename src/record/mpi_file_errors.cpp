#include "mpi_file_errors.hpp"

#include <mpi.h>

#include <cerrno>
#include <cstring>

#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"

namespace unpact::hdf5 {
namespace {

bool guarded = false;
const char* failed_call = nullptr;
std::string failure;

std::string text_of(int code, int system_error) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  PMPI_Error_string(code, text, &length);
  std::string result(text, static_cast<std::size_t>(length));
  if (system_error != 0) result += concat(", ", std::strerror(system_error));
  return result;
}

void remember(const char* name, std::string reason) {
  if (failed_call != nullptr) return;
  failed_call = name;
  failure = std::move(reason);
}

/// Runs an MPI call; under a guard a failure is remembered and taken for success.
template <class Call>
int remember_failure(const char* name, Call call) {
  errno = 0;
  const int code = call();
  if (code == MPI_SUCCESS || !guarded) return code;
  remember(name, text_of(code, errno));
  return MPI_SUCCESS;
}

/// The same for a write, which may also fail by writing less than it should (a disk that fills up midway).
template <class Call>
int remember_failed_write(const char* name, int count, MPI_Datatype type, MPI_Status* status, Call call) {
  MPI_Status own{};
  if (status == MPI_STATUS_IGNORE) status = &own;
  const int code = remember_failure(name, [&] { return call(status); });
  if (!guarded || code != MPI_SUCCESS) return code;
  MPI_Count type_bytes = 0, written = 0;
  PMPI_Type_size_x(type, &type_bytes);
  PMPI_Get_elements_x(status, MPI_BYTE, &written);
  const MPI_Count wanted = type_bytes * count;
  if (written != wanted) remember(name, concat("only ", written, " of ", wanted, " bytes were written"));
  PMPI_Status_set_elements_x(status, MPI_BYTE, wanted);  // HDF5 compares, too
  return code;
}

}  // namespace

MpiFileGuard::MpiFileGuard() {
  UNPACT_EXPECT(!guarded);  // one file at a time
  guarded = true;
  failed_call = nullptr;
}

MpiFileGuard::~MpiFileGuard() { guarded = false; }

void require_no_mpi_file_failure() {
  if (failed_call == nullptr) return;
  throw RuntimeFailure(concat("writing a results file failed on rank ", log::rank(), ": ", failed_call), failure,
                       "free some space on that disk, or check it, and start again");
}

}  // namespace unpact::hdf5

extern "C" {

int MPI_File_write_at(MPI_File file, MPI_Offset offset, const void* data, int count, MPI_Datatype type,
                      MPI_Status* status) {
  return unpact::hdf5::remember_failed_write("MPI_File_write_at", count, type, status, [&](MPI_Status* result) {
    return PMPI_File_write_at(file, offset, data, count, type, result);
  });
}

int MPI_File_write_at_all(MPI_File file, MPI_Offset offset, const void* data, int count, MPI_Datatype type,
                          MPI_Status* status) {
  return unpact::hdf5::remember_failed_write("MPI_File_write_at_all", count, type, status, [&](MPI_Status* result) {
    return PMPI_File_write_at_all(file, offset, data, count, type, result);
  });
}

int MPI_File_set_size(MPI_File file, MPI_Offset size) {
  return unpact::hdf5::remember_failure("MPI_File_set_size", [&] { return PMPI_File_set_size(file, size); });
}

int MPI_File_sync(MPI_File file) {
  return unpact::hdf5::remember_failure("MPI_File_sync", [&] { return PMPI_File_sync(file); });
}

}  // extern "C"
