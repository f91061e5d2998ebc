#include "writer.hpp"

#include <hdf5_hl.h>

#include <algorithm>
#include <numeric>

#include "memory_file.hpp"
#include "reserved_file.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/error.hpp"
#include "unpact/core/log.hpp"
#include "unpact/comm/fail_together.hpp"
#include "unpact/comm/plain_words.hpp"

namespace unpact::hdf5 {
namespace {

constexpr unsigned kGzipLevel = 4;

void write_attribute(hid_t object, const std::string& name, hid_t type, hid_t memory, hsize_t size, const void* data) {
  const Id space(size == 0 ? UNPACT_HDF5(H5Screate(H5S_SCALAR)) : UNPACT_HDF5(H5Screate_simple(1, &size, nullptr)));
  const Id attribute(UNPACT_HDF5(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT)));
  UNPACT_HDF5(H5Awrite(attribute, memory, data));
}

void write_text(hid_t object, const std::string& name, const std::string& text) {
  const Id type = text_type();
  const std::string stored = storable_text(text);
  const char* pointer = stored.c_str();
  write_attribute(object, name, type, type, 0, &pointer);
}

void write_flags(hid_t dataset, const std::string& meanings) {
  const auto words = split_list(meanings, ' ');
  std::vector<std::uint8_t> values(words.size());
  std::iota(values.begin(), values.end(), std::uint8_t{0});
  write_attribute(dataset, "flag_values", H5T_STD_U8LE, H5T_NATIVE_UINT8, values.size(), values.data());
  write_text(dataset, "flag_meanings", meanings);
}

Id file_access() {
  Id access = serial_access();
  // The oldest format whose chunk indexes have checksums: before, a flipped bit there can read as zeros.
  UNPACT_HDF5(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110));
  return access;
}

Id create_in(MemoryFile& memory, const std::filesystem::path& path) {
  const Id access = file_access();
  memory.attach(access);
  return Id(UNPACT_HDF5(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access)));
}

/// An empty HDF5 file with room behind it: opening it for MPI-IO keeps that room, creating one would not.
void make_room(const std::filesystem::path& path, std::size_t bytes) {
  MemoryFile memory;
  create_in(memory, path).close();
  write_reserved_file(path, memory.content(), bytes);
}

Id open_together(const Communicator& group, const std::filesystem::path& path) {
  const Id access = file_access();
  UNPACT_HDF5(H5Pset_fapl_mpio(access, group.handle(), MPI_INFO_NULL));
  UNPACT_HDF5(H5Pset_all_coll_metadata_ops(access, true));
  UNPACT_HDF5(H5Pset_coll_metadata_write(access, true));
  return Id(UNPACT_HDF5(H5Fopen(path.c_str(), H5F_ACC_RDWR, access)));
}

Id link_properties() {
  Id properties(UNPACT_HDF5(H5Pcreate(H5P_LINK_CREATE)));
  UNPACT_HDF5(H5Pset_create_intermediate_group(properties, 1));
  UNPACT_HDF5(H5Pset_char_encoding(properties, H5T_CSET_UTF8));
  return properties;
}

}  // namespace

std::size_t chunk_rows(std::size_t rows, std::size_t row_bytes) {
  const std::size_t bytes = std::clamp<std::size_t>(rows * row_bytes / 16, 64 << 10, 1 << 20);
  return std::clamp<std::size_t>(bytes / std::max<std::size_t>(row_bytes, 1), 1, std::max<std::size_t>(rows, 1));
}

RowRange share_of(RowRange rows, std::size_t chunk, int rank, int ranks) {
  const std::size_t chunks = (rows.size() + chunk - 1) / chunk;
  const auto bound = [&](int r) {
    return std::min(rows.last, rows.first + chunks * static_cast<std::size_t>(r) / static_cast<std::size_t>(ranks) * chunk);
  };
  return {bound(rank), bound(rank + 1)};
}

Writer::Writer(const Communicator& group, const std::filesystem::path& path, std::size_t reserved_bytes)
    : group_(group), path_(path) {
  if (group_.size() == 1) {
    memory_ = std::make_unique<MemoryFile>();
    file_ = create_in(*memory_, path_);
    return;
  }
  fail_together(group_, [&] {
    if (group_.is_root()) make_room(path_, reserved_bytes);
  });
  step([&] { file_ = open_together(group_, path_); });
}

Writer::~Writer() = default;

void Writer::step(const std::function<void()>& body) {
  if (group_.size() == 1) return body();
  try {
    body();
  } catch (const std::exception& error) {
    log::error(message_for_user(error));
    MpiSession::abort_all(static_cast<int>(in_plain_words(error).code));
  }
}

void Writer::group(const std::string& path) {
  step([&] {
    const Id links = link_properties();
    Id(UNPACT_HDF5(H5Gcreate2(file_, path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT)));
  });
}

void Writer::attribute(const std::string& name, const std::string& text) {
  const std::string of_root = group_.broadcast(text, 0);
  step([&] { write_text(file_, name, of_root); });
}

void Writer::attribute(const std::string& name, std::int64_t number) {
  group_.broadcast_bytes(&number, sizeof number, 0);
  step([&] { write_attribute(file_, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 0, &number); });
}

void Writer::attribute(const std::string& name, double number) {
  group_.broadcast_bytes(&number, sizeof number, 0);
  step([&] { write_attribute(file_, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 0, &number); });
}

void Writer::group_attribute(const std::string& path, const std::string& name, const std::string& text) {
  const std::string of_root = group_.broadcast(text, 0);
  step([&] {
    const Id group(UNPACT_HDF5(H5Gopen2(file_, path.c_str(), H5P_DEFAULT)));
    write_text(group, name, of_root);
  });
}

template <class T>
void Writer::numbers(const Description& description, std::span<const T> values, const std::vector<std::size_t>& shape) {
  const Layout layout = layout_of(shape, sizeof(T));
  UNPACT_EXPECT(values.size() == layout.shape[0] * layout.row_items);
  write(description, file_type<T>(), memory_type<T>(), layout,
        [&](RowRange rows) { return values.data() + rows.first * layout.row_items; });
}
template void Writer::numbers(const Description&, std::span<const std::uint8_t>, const std::vector<std::size_t>&);
template void Writer::numbers(const Description&, std::span<const std::int32_t>, const std::vector<std::size_t>&);
template void Writer::numbers(const Description&, std::span<const std::int64_t>, const std::vector<std::size_t>&);
template void Writer::numbers(const Description&, std::span<const std::uint64_t>, const std::vector<std::size_t>&);
template void Writer::numbers(const Description&, std::span<const float>, const std::vector<std::size_t>&);
template void Writer::numbers(const Description&, std::span<const double>, const std::vector<std::size_t>&);

void Writer::strings(const Description& description, const std::vector<std::string>& values,
                     const std::vector<std::size_t>& shape) {
  const std::size_t width = stored_width(values);
  const Layout layout = layout_of(shape, width);
  UNPACT_EXPECT(values.size() == layout.shape[0] * layout.row_items);
  const Id type = fixed_string_type(width);
  std::string packed;
  write(description, type, type, layout, [&](RowRange rows) {
    packed.assign(rows.size() * layout.row_items * width, '\0');
    for (std::size_t i = 0; i < rows.size() * layout.row_items; ++i) {
      const std::string text = storable_text(values[rows.first * layout.row_items + i]);
      packed.replace(i * width, text.size(), text);
    }
    return packed.data();
  });
}

void Writer::index_scale(const std::string& path, std::size_t size, const std::string& long_name) {
  std::vector<std::uint64_t> index(size);
  std::iota(index.begin(), index.end(), std::uint64_t{0});
  numbers<std::uint64_t>({path, {path}, "1", long_name}, index, {size});
}

void Writer::close() {
  step([&] { UNPACT_HDF5(H5Fflush(file_, H5F_SCOPE_GLOBAL)); });
  step([&] { file_.close(); });
  if (memory_) write_file_in_place(path_, memory_->content());
}

Writer::Layout Writer::layout_of(const std::vector<std::size_t>& shape, std::size_t item_bytes) const {
  UNPACT_EXPECT(shape.size() == 1 || shape.size() == 2);
  Layout layout{shape, shape.size() == 2 ? shape[1] : 1, item_bytes, 1};
  layout.chunk = chunk_rows(shape[0], layout.row_items * item_bytes);
  return layout;
}

void Writer::write(const Description& description, hid_t file_type, hid_t memory_type, const Layout& layout,
                   const PackRows& pack) {
  Id dataset;
  step([&] {
    dataset = create(description, file_type, layout);
    annotate(dataset, description);
  });
  const std::size_t rows = layout.row_items == 0 ? 0 : layout.shape[0];
  const std::size_t chunk_bytes = layout.chunk * layout.row_items * layout.item_bytes;
  const std::size_t batch = std::max<std::size_t>(batch_bytes_ / std::max<std::size_t>(chunk_bytes, 1), 1) *
                            static_cast<std::size_t>(group_.size()) * layout.chunk;
  for (std::size_t first = 0; first < rows; first += batch)
    step([&] {
      const RowRange all{first, std::min(rows, first + batch)};
      write_rows(dataset, memory_type, layout, share_of(all, layout.chunk, group_.rank(), group_.size()), pack);
    });
  step([&] { dataset.close(); });
}

Id Writer::create(const Description& description, hid_t type, const Layout& layout) {
  const std::vector<hsize_t> extent(layout.shape.begin(), layout.shape.end());
  const Id space(UNPACT_HDF5(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr)));
  const Id properties(UNPACT_HDF5(H5Pcreate(H5P_DATASET_CREATE)));
  if (layout.shape[0] * layout.row_items > 0) {
    std::vector<hsize_t> chunk(extent);
    chunk[0] = layout.chunk;
    UNPACT_HDF5(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()));
    UNPACT_HDF5(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER));  // every chunk is written in full
    UNPACT_HDF5(H5Pset_shuffle(properties));
    UNPACT_HDF5(H5Pset_deflate(properties, kGzipLevel));
    UNPACT_HDF5(H5Pset_fletcher32(properties));
  }
  const Id links = link_properties();
  return Id(UNPACT_HDF5(H5Dcreate2(file_, description.path.c_str(), type, space, links, properties, H5P_DEFAULT)));
}

void Writer::annotate(hid_t dataset, const Description& description) {
  write_text(dataset, "unit", description.unit);
  write_text(dataset, "units", description.unit);
  write_text(dataset, "long_name", description.long_name);
  if (!description.flag_meanings.empty()) write_flags(dataset, description.flag_meanings);
  for (std::size_t axis = 0; axis < description.axes.size(); ++axis) {
    const std::string& scale_path = description.axes[axis];
    if (scale_path == description.path) {
      UNPACT_HDF5(H5DSset_scale(dataset, scale_path.substr(scale_path.find_last_of('/') + 1).c_str()));
      continue;
    }
    const Id scale(UNPACT_HDF5(H5Dopen2(file_, scale_path.c_str(), H5P_DEFAULT)));
    UNPACT_HDF5(H5DSattach_scale(dataset, scale, static_cast<unsigned>(axis)));
  }
}

void Writer::write_rows(hid_t dataset, hid_t memory_type, const Layout& layout, RowRange rows, const PackRows& pack) {
  const Id file_space(UNPACT_HDF5(H5Dget_space(dataset)));
  std::vector<hsize_t> start(layout.shape.size(), 0), count(layout.shape.begin(), layout.shape.end());
  start[0] = rows.first;
  count[0] = rows.size();
  const hsize_t items = rows.size() * layout.row_items;
  const Id memory_space(UNPACT_HDF5(H5Screate_simple(1, &items, nullptr)));
  if (rows.size() == 0) {
    UNPACT_HDF5(H5Sselect_none(file_space));
    UNPACT_HDF5(H5Sselect_none(memory_space));
  } else {
    UNPACT_HDF5(H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr));
  }
  const Id transfer(UNPACT_HDF5(H5Pcreate(H5P_DATASET_XFER)));
  // Compressed chunks can only be written by all ranks together, ranks without rows included.
  if (group_.size() > 1) UNPACT_HDF5(H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE));
  UNPACT_HDF5(H5Dwrite(dataset, memory_type, memory_space, file_space, transfer, pack(rows)));
  if (group_.size() > 1) require_collective(transfer);
}

void Writer::require_collective(hid_t transfer) {
  H5D_mpio_actual_io_mode_t mode = H5D_MPIO_NO_COLLECTIVE;
  UNPACT_HDF5(H5Pget_mpio_actual_io_mode(transfer, &mode));
  if (mode == H5D_MPIO_NO_COLLECTIVE)
    throw RuntimeFailure("a collective write was done independently", "HDF5 broke it up",
                         "use an HDF5 library of version 1.10.2 or later that was built with parallel compression");
  ++collective_writes_;
}

}  // namespace unpact::hdf5
