#pragma once
/// Files that stand where others are expected: named as what they are.
#include <string>
#include <string_view>

namespace unpact {

/// @param content of a file, or its beginning. @throws UserError for a Git LFS pointer, a Parquet, gzip, zip or HDF5 file, a web
/// page and UTF-16 text, saying what it is and what to do.
void refuse_foreign(std::string_view content, const std::string& where);

}  // namespace unpact
