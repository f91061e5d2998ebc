#pragma once
/// Results of a long stage kept on the disk page by page, so that a job that was killed does only the rest, with any
/// number of ranks.
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "unpact/comm/communicator.hpp"
#include "unpact/comm/share_work.hpp"
#include "unpact/core/clock.hpp"
#include "unpact/core/codec.hpp"

namespace unpact {

/// One file a page, written by the group's root; with a SHA-256 of its content, which tells what a kill has cut off, and the
/// fingerprint of all that the results depend on.
class FinishedPages {
 public:
  /// Pages in `folder` that carry another fingerprint are removed, and the log says so. Collective over `group`.
  FinishedPages(const Communicator& group, std::filesystem::path folder, std::string fingerprint);

  /// Results of items 0 .. count-1 in pages of `page` items: those on the disk are read, the others computed and stored.
  /// A damaged page is computed again. Collective; the same on every rank. @param stage a plain word.
  /// @throws StoppedAtCheckpoint on every rank before a page is computed, where a stop is wanted on any: what is finished
  /// is on the disk.
  /// @param compute (first, last) -> std::vector<T>: one result an item of first .. last-1, of a type that core/codec.hpp
  /// can encode; collective, the same on every rank.
  template <class Compute>
  SharedResults<Compute> run(const std::string& stage, std::size_t count, std::size_t page, const Compute& compute);

  /// Removes the folder: the results are in their final file. Collective.
  void remove();

  /// The file of a page.
  std::filesystem::path file(const std::string& stage, std::size_t first) const;

 private:
  using Fits = std::function<bool(std::string_view)>;
  std::string header(const std::string& stage, std::size_t first, std::size_t last) const;
  std::optional<std::string> load(const std::string& stage, std::size_t first, std::size_t last, const Fits& fits) const;
  /// The encoded results of a page that is on the disk and fits, on every rank. Collective.
  std::optional<std::string> find(const std::string& stage, std::size_t first, std::size_t last, const Fits& fits) const;
  void store(const std::string& stage, std::size_t first, std::size_t last, const std::string& encoded);
  void read_names();
  /// @param done of `count` items.
  void leave_where_stop_is_wanted(const std::string& stage, std::size_t done, std::size_t count) const;
  void say_found(const std::string& stage, std::size_t found, std::size_t count) const;

  const Communicator& group_;
  std::filesystem::path folder_;
  std::string fingerprint_;
  std::set<std::string> names_;  ///< in the folder; on the root
  double longest_ = 0;           // seconds that a page took
};

/// What a stage keeps on the disk, and what it is called there; none: nothing.
struct PageOptions {
  FinishedPages* pages = nullptr;
  std::string stage;
  std::size_t save_every = 64;  ///< prompts of a page
};

/// compute(0, count), or its pages' results where they are kept. As FinishedPages::run.
template <class Compute>
SharedResults<Compute> run_in_pages(const PageOptions& options, std::size_t count, const Compute& compute) {
  return options.pages == nullptr ? compute(0, count)
                                  : options.pages->run(options.stage, count, options.save_every, compute);
}

template <class Compute>
SharedResults<Compute> FinishedPages::run(const std::string& stage, std::size_t count, std::size_t page,
                                          const Compute& compute) {
  using Results = SharedResults<Compute>;
  UNPACT_EXPECT(page > 0);
  Results all;
  std::size_t found = 0;
  for (std::size_t first = 0; first < count; first += page) {
    const auto last = std::min(count, first + page);
    const auto fits = [&](std::string_view bytes) { return decode<Results>(bytes).size() == last - first; };
    Results items;
    if (const auto stored = find(stage, first, last, fits)) {
      items = decode<Results>(*stored);
      found += last - first;
    } else {
      leave_where_stop_is_wanted(stage, first, count);
      const Stopwatch watch;
      items = compute(first, last);
      UNPACT_ASSERT(items.size() == last - first);
      if (group_.is_root()) store(stage, first, last, encode(items));
      longest_ = std::max(longest_, watch.seconds());
    }
    std::move(items.begin(), items.end(), std::back_inserter(all));
  }
  say_found(stage, found, count);
  return all;
}

}  // namespace unpact
