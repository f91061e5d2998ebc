#pragma once
/// Names and versions of the formats, and the attributes that every file of them carries.
#include <string>

#include "reader.hpp"
#include "writer.hpp"

namespace unpact {

inline constexpr const char* kCellSchema = "unpact-cell";
inline constexpr const char* kCampaignSchema = "unpact-campaign";
inline constexpr const char* kSchemaVersion = "1.11.0";

/// Writes schema_name, schema_version and what wrote the file. Collective, as hdf5::Writer is.
void write_schema(hdf5::Writer& file, const std::string& schema);

/// @throws UserError when the file has another schema or a major version that this program does not know.
void require_schema(const hdf5::Reader& file, const std::string& path, const std::string& schema);

}  // namespace unpact
