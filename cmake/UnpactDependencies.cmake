# Everything that unpact links, as interface targets: unpact_torch, unpact_nccl, unpact_hdf5, unpact_sentencepiece,
# unpact_unicode.
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(nlohmann_json 3.10 REQUIRED)
find_package(Boost 1.70 REQUIRED COMPONENTS program_options)

find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_processor.h REQUIRED)
find_library(SENTENCEPIECE_LIBRARY sentencepiece REQUIRED)
find_library(SENTENCEPIECE_TRAIN_LIBRARY sentencepiece_train REQUIRED)
add_library(unpact_sentencepiece INTERFACE)
target_include_directories(unpact_sentencepiece SYSTEM INTERFACE ${SENTENCEPIECE_INCLUDE_DIR})
target_link_libraries(unpact_sentencepiece INTERFACE ${SENTENCEPIECE_TRAIN_LIBRARY} ${SENTENCEPIECE_LIBRARY})

# Regular expressions with Unicode properties and Unicode normalization, for the tokenizers.
find_path(PCRE2_INCLUDE_DIR pcre2.h REQUIRED)
find_library(PCRE2_LIBRARY pcre2-8 REQUIRED)
include(UnpactPcre2)
unpact_check_pcre2(${PCRE2_INCLUDE_DIR})
find_path(UTF8PROC_INCLUDE_DIR utf8proc.h REQUIRED)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
add_library(unpact_unicode INTERFACE)
target_include_directories(unpact_unicode SYSTEM INTERFACE ${PCRE2_INCLUDE_DIR} ${UTF8PROC_INCLUDE_DIR})
target_link_libraries(unpact_unicode INTERFACE ${PCRE2_LIBRARY} ${UTF8PROC_LIBRARY})

if(UNPACT_FUZZ)
  return()  # the fuzz targets need none of the rest
endif()

find_package(ZLIB REQUIRED)
find_package(CURL 7.66 REQUIRED)  # models that answer over HTTP

include(UnpactTorch)

find_package(MPI REQUIRED COMPONENTS CXX)
# The C++ bindings of Open MPI are long deprecated and clash with other headers.
target_compile_definitions(MPI::MPI_CXX INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)

enable_language(C)  # FindHDF5 asks the C wrapper compiler
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 1.10.2 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 ${HDF5_VERSION} was found, but it is not a parallel (MPI) build.\n"
          "Hint: install libhdf5-openmpi-dev, load your site's parallel HDF5 module, or set HDF5_ROOT.")
endif()
add_library(unpact_hdf5 INTERFACE)
target_include_directories(unpact_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_link_libraries(unpact_hdf5 INTERFACE ${HDF5_C_LIBRARIES} ${HDF5_HL_LIBRARIES} MPI::MPI_CXX)
find_library(UNPACT_HDF5_HL NAMES hdf5_openmpi_hl hdf5_hl HINTS ${HDF5_C_LIBRARY_DIRS} REQUIRED)
target_link_libraries(unpact_hdf5 INTERFACE ${UNPACT_HDF5_HL})
