# LibTorch with CUDA and NCCL where a toolkit is there, else the CPU libraries of whatever LibTorch was found.
#
# LibTorch is looked for in CMAKE_PREFIX_PATH, Torch_DIR and the project's own Python environment (.venv).
file(GLOB _unpact_venv_torch ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(UNPACT_TORCH_CMAKE_DIR TorchConfig.cmake
          HINTS ${Torch_DIR} PATH_SUFFIXES share/cmake/Torch
          PATHS ${_unpact_venv_torch})
if(NOT UNPACT_TORCH_CMAKE_DIR)
  message(FATAL_ERROR "LibTorch was not found.\n"
          "Hint: run scripts/setup, or pass -DCMAKE_PREFIX_PATH=/absolute/path/to/libtorch.")
endif()
get_filename_component(UNPACT_TORCH_ROOT ${UNPACT_TORCH_CMAKE_DIR}/../../.. ABSOLUTE)

set(UNPACT_HAS_CUDA OFF)
if(NOT UNPACT_CUDA STREQUAL "OFF")
  find_package(CUDAToolkit QUIET)
  find_library(_unpact_torch_cuda torch_cuda PATHS ${UNPACT_TORCH_ROOT}/lib NO_DEFAULT_PATH)
  if(CUDAToolkit_FOUND AND CUDAToolkit_NVCC_EXECUTABLE AND _unpact_torch_cuda)
    set(UNPACT_HAS_CUDA ON)
  elseif(UNPACT_CUDA STREQUAL "ON")
    message(FATAL_ERROR "UNPACT_CUDA=ON, but the CUDA toolkit or a CUDA build of LibTorch is missing.")
  endif()
endif()

add_library(unpact_torch INTERFACE)
# Published LibTorch libraries export parts of another libstdc++ (std::filesystem::remove_all of libtorch.so calls a
# function that is not there). The compiler's own must be searched first.
target_link_options(unpact_torch INTERFACE "LINKER:--push-state,--no-as-needed" "SHELL:-lstdc++" "LINKER:--pop-state")
# Torch's package file links every library and refuses a CUDA build without a toolkit. Operations on GPUs (torch_cuda) are loaded by the
# processes that find a driver (src/comm/gpu_operations.cpp): the others start in two thirds of the time.
target_include_directories(unpact_torch SYSTEM INTERFACE ${UNPACT_TORCH_ROOT}/include ${UNPACT_TORCH_ROOT}/include/torch/csrc/api/include)
set(_unpact_torch_libraries torch_cpu c10)
if(UNPACT_HAS_CUDA)
  list(APPEND _unpact_torch_libraries c10_cuda)
  enable_language(CUDA)
  set(UNPACT_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "What our own kernels are compiled for, as CMAKE_CUDA_ARCHITECTURES")
  set(CMAKE_CUDA_STANDARD 17)  # CMake 3.25 knows no C++20 flag for nvcc 13
  target_link_libraries(unpact_torch INTERFACE CUDA::cudart ${CMAKE_DL_LIBS})
  target_compile_definitions(unpact_torch INTERFACE UNPACT_HAS_CUDA=1)
endif()
foreach(name IN LISTS _unpact_torch_libraries)
  find_library(UNPACT_LIB_${name} ${name} PATHS ${UNPACT_TORCH_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
  target_link_libraries(unpact_torch INTERFACE ${UNPACT_LIB_${name}})
endforeach()

# The products of LibTorch's oneDNN, exported without a header (src/kernels/matrix_product/onednn.cpp).
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES ${UNPACT_LIB_torch_cpu} ${UNPACT_LIB_c10})
set(CMAKE_REQUIRED_LINK_OPTIONS "LINKER:--allow-shlib-undefined")
check_cxx_source_compiles("namespace at { class Tensor; namespace native {
  void mkldnn_matmul(const Tensor&, const Tensor&, const Tensor&, float, float); } }
  int main() { return &at::native::mkldnn_matmul == nullptr ? 1 : 0; }" UNPACT_HAS_ONEDNN_PRODUCTS)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(UNPACT_HAS_ONEDNN_PRODUCTS)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/matrix_product/onednn.cpp PROPERTIES
                              COMPILE_DEFINITIONS UNPACT_HAS_ONEDNN_PRODUCTS=1)
endif()

# at::parallel_for is a template: without the compiler's OpenMP the loops of this project's own kernels run on one thread.
# The library must be the one that LibTorch loads, whatever its name; two of them would each start their threads.
find_package(OpenMP QUIET COMPONENTS CXX)
if(OpenMP_CXX_FOUND AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  file(GLOB _unpact_torch_gomp ${UNPACT_TORCH_ROOT}/lib/libgomp*.so*)
  if(_unpact_torch_gomp)
    list(GET _unpact_torch_gomp 0 _unpact_gomp)
    target_compile_options(unpact_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
    target_link_libraries(unpact_torch INTERFACE ${_unpact_gomp})
  else()
    target_link_libraries(unpact_torch INTERFACE OpenMP::OpenMP_CXX)
  endif()
else()
  message(WARNING "unpact's own CPU kernels will run on one thread: build with GCC and OpenMP for speed.")
endif()

# NCCL: the one that LibTorch loads at run time, so that the process holds a single copy.
set(UNPACT_HAS_NCCL OFF)
add_library(unpact_nccl INTERFACE)
if(UNPACT_HAS_CUDA AND NOT UNPACT_NCCL STREQUAL "OFF")
  find_path(UNPACT_NCCL_INCLUDE nccl.h HINTS ${UNPACT_TORCH_ROOT}/../nvidia/nccl/include)
  find_library(UNPACT_NCCL_LIBRARY NAMES nccl libnccl.so.2 HINTS ${UNPACT_TORCH_ROOT}/../nvidia/nccl/lib)
  if(UNPACT_NCCL_INCLUDE AND UNPACT_NCCL_LIBRARY)
    set(UNPACT_HAS_NCCL ON)
    target_include_directories(unpact_nccl SYSTEM INTERFACE ${UNPACT_NCCL_INCLUDE})
    target_link_libraries(unpact_nccl INTERFACE ${UNPACT_NCCL_LIBRARY} CUDA::cudart)
    target_compile_definitions(unpact_nccl INTERFACE UNPACT_HAS_NCCL=1)
  elseif(UNPACT_NCCL STREQUAL "ON")
    message(FATAL_ERROR "UNPACT_NCCL=ON, but nccl.h or libnccl was not found beside LibTorch or in the toolkit.")
  endif()
endif()
message(STATUS "unpact: LibTorch in ${UNPACT_TORCH_ROOT}, CUDA ${UNPACT_HAS_CUDA}, NCCL ${UNPACT_HAS_NCCL}")
