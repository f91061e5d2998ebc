#pragma once
/// MPI-IO failures that HDF5 must not see.
///
/// HDF5 (1.10 to 1.14) does not survive a failed MPI write: the rank that failed leaves a collective operation that the
/// others wait in, and a file whose close failed crashes the library's end. So while a guard lives, failed MPI-IO
/// writes of this process are remembered and reported to HDF5 as done. HDF5 then stays consistent on every rank, and
/// the Writer, which asks after each step, throws and drops the file. MPI's profiling interface makes this possible.
#include <string>

namespace unpact::hdf5 {

class MpiFileGuard {
 public:
  MpiFileGuard();
  ~MpiFileGuard();
  MpiFileGuard(const MpiFileGuard&) = delete;
  MpiFileGuard& operator=(const MpiFileGuard&) = delete;
};

/// Throws RuntimeFailure for the first failure of this rank since the guard was made.
void require_no_mpi_file_failure();

}  // namespace unpact::hdf5
