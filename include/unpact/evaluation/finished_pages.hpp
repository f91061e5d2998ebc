#pragma once
/// Results of a long stage kept on the disk page by page, so that a job that was killed does only the rest, with any
/// number of ranks.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unpact/comm/communicator.hpp"

namespace unpact {

/// One file a page, written by the group's root under a temporary name and renamed; with a SHA-256 of its content, and
/// the fingerprint of all that the results depend on.
class FinishedPages {
 public:
  /// Encoded results of items first .. last-1, one an item; collective, the same on every rank.
  using Compute = std::function<std::vector<std::string>(std::size_t first, std::size_t last)>;

  /// Pages in `folder` that carry another fingerprint are removed, and the log says so. Collective over `group`.
  FinishedPages(const Communicator& group, std::filesystem::path folder, std::string fingerprint);

  /// Results of items 0 .. count-1 in pages of `page` items: those on the disk are read, the others computed and stored.
  /// A damaged page is computed again. Collective; the same on every rank. @param stage a plain word.
  std::vector<std::string> run(const std::string& stage, std::size_t count, std::size_t page, const Compute& compute);

  /// Removes the folder: the results are in their final file. Collective.
  void remove();

  /// The file of a page.
  std::filesystem::path file(const std::string& stage, std::size_t first) const;

 private:
  std::string header(const std::string& stage, std::size_t first, std::size_t last) const;
  std::optional<std::vector<std::string>> load(const std::string& stage, std::size_t first, std::size_t last) const;
  void store(const std::string& stage, std::size_t first, std::size_t last, const std::vector<std::string>& items) const;

  const Communicator& group_;
  std::filesystem::path folder_;
  std::string fingerprint_;
};

}  // namespace unpact
