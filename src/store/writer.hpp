#pragma once
/// Writes the groups, tables and columns of a results file, alone or by all ranks of a group.
///
/// One rank builds the file in memory and stores it at the end; any failure is an exception and leaves HDF5 usable.
///
/// Several ranks write through MPI-IO. Then every member is collective: all ranks call the same members in the same order
/// with the same descriptions and sizes and the whole data; each rank stores its share; attributes are root's. HDF5 does
/// not survive a failed MPI write: the other ranks wait for ever inside a collective call. So the space is reserved
/// before (a full disk is an exception on every rank), and a later failure inside HDF5 ends the job on every rank
/// with one message.
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"
#include "hdf5.hpp"

namespace unpact::hdf5 {

/// What a dataset is called and what it means.
struct Description {
  std::string path;               ///< absolute; groups on the way are created
  std::vector<std::string> axes;  ///< the path of each axis's scale, which must be there; the own path: it is a scale
  std::string unit;               ///< "1" when dimensionless
  std::string long_name;
  std::string flag_meanings = {};  ///< for enumerations 0, 1, ...: the words, separated by spaces
};

class MemoryFile;

/// Rows [first, last) of a dataset.
struct RowRange {
  std::size_t first = 0, last = 0;
  std::size_t size() const { return last - first; }
};

/// Rows a chunk for a dataset of `rows` rows of `row_bytes` bytes: about a sixteenth of the dataset, between 64 KiB
/// and 1 MiB. The number of ranks does not enter, so that equal data gives equal chunks.
std::size_t chunk_rows(std::size_t rows, std::size_t row_bytes);

/// Rank's contiguous part of rows [first, last), where `first` is a multiple of `chunk`. No chunk is shared by two ranks.
RowRange share_of(RowRange rows, std::size_t chunk, int rank, int ranks);

class Writer {
 public:
  /// Creates `path`, replacing what is there. @param reserved_bytes the space that several ranks need at most.
  /// @throws RuntimeFailure on every rank when there is not that much.
  Writer(const Communicator& group, const std::filesystem::path& path, std::size_t reserved_bytes);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void group(const std::string& path);
  void attribute(const std::string& name, const std::string& text);  ///< of the root
  void attribute(const std::string& name, std::int64_t number);
  void attribute(const std::string& name, double number);
  void group_attribute(const std::string& path, const std::string& name, const std::string& text);

  /// One- or two-dimensional numbers, row-major; `shape` has an extent an axis. T is uint8_t, int32_t, int64_t,
  /// uint64_t, float or double.
  template <class T>
  void numbers(const Description& description, std::span<const T> values, const std::vector<std::size_t>& shape);
  void strings(const Description& description, const std::vector<std::string>& values,
               const std::vector<std::size_t>& shape);
  /// A scale that holds 0 .. size-1.
  void index_scale(const std::string& path, std::size_t size, const std::string& long_name);

  /// Flushes to the disk and closes; without it the file is not usable. @throws RuntimeFailure.
  void close();

  /// The largest number of bytes that a rank hands to HDF5 at once (MPI counts are 32-bit).
  void set_batch_bytes(std::size_t bytes) { batch_bytes_ = bytes; }
  /// How many collective writes there were; a write that HDF5 broke into independent ones throws.
  std::size_t collective_writes() const { return collective_writes_; }

 private:
  struct Layout {
    std::vector<std::size_t> shape;
    std::size_t row_items = 1, item_bytes = 1, chunk = 1;
  };
  using PackRows = std::function<const void*(RowRange)>;

  void step(const std::function<void()>& body);
  Layout layout_of(const std::vector<std::size_t>& shape, std::size_t item_bytes) const;
  void write(const Description& description, hid_t file_type, hid_t memory_type, const Layout& layout, const PackRows& pack);
  Id create(const Description& description, hid_t type, const Layout& layout);
  void annotate(hid_t dataset, const Description& description);
  void write_rows(hid_t dataset, hid_t memory_type, const Layout& layout, RowRange rows, const PackRows& pack);
  void require_collective(hid_t transfer);

  const Communicator& group_;
  std::filesystem::path path_;
  std::unique_ptr<MemoryFile> memory_;  // for one rank; outlives the file
  Id file_;
  std::size_t batch_bytes_ = std::size_t{256} << 20;
  std::size_t collective_writes_ = 0;
};

}  // namespace unpact::hdf5
