#include "schema.hpp"

#include "unpact/core/error.hpp"
#include "unpact/core/version.hpp"

namespace unpact {
namespace {

std::string major_of(const std::string& version) { return version.substr(0, version.find('.')); }

}  // namespace

void write_schema(hdf5::Writer& file, const std::string& schema) {
  file.attribute("schema_name", schema);
  file.attribute("schema_version", std::string(kSchemaVersion));
  file.attribute("software", std::string("unpact"));
  file.attribute("software_version", version());
  file.attribute("git_commit", git_commit());
  file.attribute("build_type", build_type());
  file.attribute("compiler", compiler());
  file.attribute("hdf5_version", hdf5::library_version());
}

void require_schema(const hdf5::Reader& file, const std::string& path, const std::string& schema) {
  const std::string name = file.text("schema_name"), version = file.text("schema_version");
  UNPACT_VALIDATE(name == schema, concat("cannot use the results file ", path),
                  concat("its schema is '", name, "', not '", schema, "'"), "give another file");
  UNPACT_VALIDATE(major_of(version) == major_of(kSchemaVersion), concat("cannot use the results file ", path),
                  concat("its schema version is ", version, ", this program knows version ", kSchemaVersion),
                  "use the version of unpact that wrote it, or make it again");
}

}  // namespace unpact
