#include "unpact/store/cell_file.hpp"

#include <algorithm>
#include <optional>

#include "cell_archives.hpp"
#include "cell_check.hpp"
#include "cell_layout.hpp"
#include "cell_scan.hpp"
#include "layout_sketch.hpp"
#include "unpact/core/atomic_file.hpp"
#include "unpact/core/checksum.hpp"
#include "unpact/core/file_reader.hpp"
#include "unpact/core/log.hpp"
#include "unpact/core/stop.hpp"
#include "schema.hpp"
#include "seal.hpp"
#include "unpact/comm/fail_together.hpp"

namespace unpact {
namespace {

namespace fs = std::filesystem;

void require_consistent(const CellRecord& record) {
  const std::string finding = inconsistency_of(record);
  if (!finding.empty())
    throw RuntimeFailure(concat("cannot record the cell ", record.id), finding,
                         "this is a defect of unpact; please report it with the command that led here");
}

/// Refuses ranks whose records differ in layout: together they would write a broken file. @return space to reserve.
std::size_t require_agreement(const Communicator& group, const CellRecord& record) {
  LayoutSketch sketch;
  CellWriter<LayoutSketch> archive(sketch, record.questions.split.size());
  visit_cell(archive, record);
  const std::string of_root = group.broadcast(sketch.text(), 0);
  fail_together(group, [&] {
    const auto [own, other] = std::mismatch(sketch.text().begin(), sketch.text().end(), of_root.begin(), of_root.end());
    const auto line = static_cast<std::size_t>(std::count(sketch.text().begin(), own, '\n'));
    if (own != sketch.text().end() || other != of_root.end())
      throw RuntimeFailure(concat("the ranks of a group do not hold the same results for the cell ", record.id),
                           concat("dataset number ", line + 1, " differs in name or size from that of the first rank"),
                           "this is a defect of unpact; please report it with the command that led here");
  });
  return sketch.most_bytes();
}

void write_content(const Communicator& group, const fs::path& path, const CellRecord& record) {
  hdf5::Writer file(group, path, require_agreement(group, record));
  write_schema(file, kCellSchema);
  file.attribute("fingerprint", fingerprint_of(record.provenance));
  CellWriter<hdf5::Writer> archive(file, record.questions.split.size());
  visit_cell(archive, record);
  file.close();
}

/// Groups of a file come by name; the rates tell in which order the probes were asked for.
void order_probes(CellRecord& record) {
  const auto place = [&](const ProbeRecord& probe) {
    return std::ranges::find(record.rates, kRecoveryPrefix + probe.name, &Rate::name) - record.rates.begin();
  };
  std::ranges::stable_sort(record.probes, {}, place);
}

CellRecord read_content(const fs::path& path) {
  const hdf5::Reader file(path);
  require_schema(file, path.string(), kCellSchema);
  CellRecord record;
  CellReader archive(file, path.string());
  visit_cell(archive, record);
  order_probes(record);
  const std::string finding = inconsistency_of(record);
  UNPACT_VALIDATE(finding.empty(), concat("cannot use the results file ", path.string()), finding,
                  "it was not written by unpact; make it again");
  return record;
}

CellRecord numbers_of(const fs::path& path) {
  const hdf5::Reader file(path);
  require_schema(file, path.string(), kCellSchema);
  CellRecord record;
  CellReader archive(file, path.string());
  visit_attributes(archive, record);
  visit_comparison(archive, record);
  archive.name_probes("/probes", record.probes);
  for (auto& probe : record.probes) archive.describe_probe("/probes/" + probe.name, probe);
  if (archive.has("/trajectory/role")) visit_roles(archive, record.trajectory.role);  // since 1.10
  visit_rates(archive, record);
  order_probes(record);
  UNPACT_VALIDATE(record.outcome.size() == record.focus_shift.set_cosine.size(),
                  concat("cannot use the results file ", path.string()), "outcomes and focus shifts differ in number",
                  "it was not written by unpact; make it again");
  return record;
}

/// What `read` makes of a file whose bytes are those that were sealed.
template <class Read>
CellRecord read_sealed(const fs::path& path, const Read& read) {
  require_seal(path);
  try {
    return read(path);
  } catch (const UnreadableFile&) {
    throw;
  } catch (const RuntimeFailure& failure) {
    throw_unreadable(path, concat(failure.problem(), ": ", failure.reason()));
  }
}

}  // namespace

void write_cell_file(const Communicator& group, const fs::path& path, const CellRecord& record) {
  // The temporary name holds a process id, so only one rank can choose it.
  std::optional<AtomicFile> file;
  fail_together(group, [&] {
    require_consistent(record);
    if (group.is_root()) file.emplace(path);
  });
  const fs::path temporary = group.broadcast(file ? file->temporary_path().string() : "", 0);
  write_content(group, temporary, record);
  fail_together(group, [&] {
    if (!group.is_root()) return;
    read_content(temporary);  // every value is checked before the file gets its name
    append_seal(temporary);
    file->commit();
    note_progress();
  });
}

CellRecord read_cell_file(const fs::path& path) { return read_sealed(path, read_content); }

CellRecord read_cell_numbers(const fs::path& path) { return read_sealed(path, numbers_of); }

bool is_finished_cell(const fs::path& path, const std::string& fingerprint) {
  std::error_code code;
  if (!fs::exists(path, code)) return false;
  try {
    const auto file = open_cell(path);
    return file.text("fingerprint") == fingerprint && file.has("/work/logit_rows");
  } catch (const UnreadableFile&) {
    throw;
  } catch (const std::exception& error) {
    log::detail(concat("not a finished cell: ", path.string(), ": ", error.what()));
    return false;
  }
}

std::string fingerprint_of(const Provenance& provenance) {
  const auto& whole = provenance.resolved_configuration;
  const Json parts = {whole.substr(0, whole.find(kOriginsMark)), provenance.model_checksum, provenance.tokenizer_checksum};
  return sha256_of_bytes(parts.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace unpact
