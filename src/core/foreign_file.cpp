#include "unpact/core/foreign_file.hpp"

#include <algorithm>
#include <array>

#include "unpact/core/error.hpp"

namespace unpact {
namespace {

struct Foreign {
  std::string_view begin;
  const char *name, *hint;
};

constexpr const char* kConvert =
    "scripts/fetch-assets converts what it downloads; else, in Python: pandas.read_parquet(FILE).to_json(OUT, "
    "orient=\"records\", lines=True)";
constexpr const char* kUnpack = "unpack it first";
constexpr const char* kConvertArrow = "in Python: datasets.load_from_disk(FOLDER).to_json(OUT)";
constexpr const char* kUtf8 = "convert the file: iconv -f UTF-16 -t UTF-8";
constexpr const char* kUtf32 = "convert the file: iconv -f UTF-32 -t UTF-8";

constexpr std::array kForeign = {
    Foreign{"version https://git-lfs.github.com/spec", "a Git LFS pointer, not the file itself",
            "fetch the file itself: git lfs pull, or scripts/fetch-assets"},
    Foreign{"PAR1", "a Parquet file", kConvert},
    Foreign{"ARROW1", "an Arrow file", kConvertArrow},
    Foreign{std::string_view("\xFF\xFF\xFF\xFF\x10\0\0\0", 8), "an Arrow stream, as datasets are saved", kConvertArrow},
    Foreign{"\x1f\x8b", "compressed by gzip", kUnpack},
    Foreign{"PK\x03\x04", "a zip archive", kUnpack},
    Foreign{"\x28\xB5\x2F\xFD", "compressed by zstd", kUnpack},
    Foreign{"\xFD"
            "7zXZ",
            "compressed by xz", kUnpack},
    Foreign{"BZh91AY", "compressed by bzip2", kUnpack},
    Foreign{"7z\xBC\xAF", "a 7z archive", kUnpack},
    Foreign{std::string_view("\xFF\xFE\0\0", 4), "UTF-32, and text is read as UTF-8", kUtf32},
    Foreign{std::string_view("\0\0\xFE\xFF", 4), "UTF-32, and text is read as UTF-8", kUtf32},
    Foreign{"\x89HDF\r\n", "an HDF5 file", "give a text file"},
    Foreign{"\xFF\xFE", "UTF-16, and text is read as UTF-8", kUtf8},
    Foreign{"\xFE\xFF", "UTF-16, and text is read as UTF-8", kUtf8},
    Foreign{"<!DOCTYPE html", "a web page, perhaps that of a log-in", "download the file itself"},
    Foreign{"<!doctype html", "a web page, perhaps that of a log-in", "download the file itself"},
    Foreign{"<html", "a web page, perhaps that of a log-in", "download the file itself"},
};

/// Text of ASCII letters without a byte order mark: every second byte is zero.
bool is_bare_utf16(std::string_view content) {
  if (content.size() < 8) return false;
  const auto zeros = [&](std::size_t first) {
    for (std::size_t i = 0; i < 8; ++i)
      if ((content[i] == '\0') != (i % 2 == first)) return false;
    return true;
  };
  return zeros(0) || zeros(1);
}

}  // namespace

void refuse_foreign(std::string_view content, const std::string& where) {
  const auto found = std::find_if(kForeign.begin(), kForeign.end(),
                                  [&](const Foreign& foreign) { return content.starts_with(foreign.begin); });
  if (found != kForeign.end()) throw UserError(concat("cannot read ", where), concat("it is ", found->name), found->hint);
  UNPACT_VALIDATE(!is_bare_utf16(content), concat("cannot read ", where), "it is UTF-16, and text is read as UTF-8", kUtf8);
}

}  // namespace unpact
