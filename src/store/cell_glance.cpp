#include "unpact/store/cell_glance.hpp"

#include <algorithm>

#include "cell_archives.hpp"
#include "cell_layout.hpp"
#include "cell_scan.hpp"
#include "unpact/comm/fail_together.hpp"

namespace unpact {

double CellGlance::rank_seconds() const {
  double sum = 0;
  for (const auto& stage : work) sum += std::max(0.0, stage.seconds) * static_cast<double>(std::max<std::int64_t>(1, ranks));
  return sum;
}

CellGlance glance_at_cell(const std::filesystem::path& path) {
  CellGlance glance;
  try {
    const auto file = open_cell(path);
    glance.id = file.text("cell_id");
    glance.fingerprint = file.text("fingerprint");
    glance.started = file.text("started");
    glance.ended = file.text("ended");
    glance.ranks = file.integer("group_size");
    CellRecord record;
    CellReader archive(file, path.string());
    visit_work(archive, record);
    glance.work = std::move(record.work);
  } catch (const std::exception& error) {
    glance.finding = one_line(error);
  }
  return glance;
}

std::vector<std::filesystem::path> places_of_cell(const std::filesystem::path& folder, const std::string& id,
                                                  const std::string& fingerprint) {
  return {cell_file(folder, id), other_cell_file(folder, id, fingerprint)};
}

}  // namespace unpact
