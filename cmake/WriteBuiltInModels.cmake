# Run at build time: writes the prompts of configs/models (files without a model or a path) into a source file, so that
# `model.use = NAME` works in any folder.
file(GLOB files ${SOURCE_DIR}/configs/models/*.ini)
list(SORT files)
set(content "#include \"${SOURCE_DIR}/src/options/built_in_models.hpp\"

namespace unpact {

const std::map<std::string, std::string>& built_in_models() {
  static const std::map<std::string, std::string> texts = {
")
foreach(file IN LISTS files)
  file(READ ${file} text)
  if(text MATCHES "\n(path|config) *=")
    continue()
  endif()
  get_filename_component(name ${file} NAME_WLE)
  string(APPEND content "      {\"${name}\", R\"ini(${text})ini\"},\n")
endforeach()
string(APPEND content "  };
  return texts;
}

}  // namespace unpact
")
file(WRITE ${OUTPUT} "${content}")
