# Read by CMake right behind ONNX Runtime's project(), so that no file of it has to be changed.
# ROCMKIT_ROCM is the ROCm that is built with, ROCMKIT_ROCM_VERSION its release, ROCMKIT_FILES the folder of this file.
include_guard(GLOBAL)

# RCCL and roctracer are looked for, and an error where they are not there, though inference calls neither. Something that is linked anyway
# stands in for them.
set(RCCL_LIB m CACHE STRING "not used" FORCE)
set(ROCTRACER_LIB m CACHE STRING "not used" FORCE)

# roctracer's headers are read even where nothing is traced. These hold the two types that are named then; HIP has the other one.
foreach(header IN ITEMS roctracer roctracer_hcc roctracer_hip roctracer_ext roctracer_roctx)
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/no-roctracer/roctracer/${header}.h" @ONLY CONTENT
"#pragma once
#include <hip/hip_runtime_api.h>
#include <hip/amd_detail/hip_prof_str.h>
typedef struct activity_record_s roctracer_record_t;
")
endforeach()
include_directories(BEFORE "${CMAKE_BINARY_DIR}/no-roctracer")

# The one file that calls roctracer is of no use without it. -parallel-jobs, which AMD's branch asks for, is known to AMD's own clang alone,
# and would start more compilers than were reckoned with.
function(rocmkit_change_targets)
  get_target_property(sources onnxruntime_providers_rocm SOURCES)
  list(FILTER sources EXCLUDE REGEX "/core/providers/rocm/roctracer_manager\\.cc$")
  set_property(TARGET onnxruntime_providers_rocm PROPERTY SOURCES ${sources})
  get_target_property(options onnxruntime_providers_rocm COMPILE_OPTIONS)
  string(REGEX REPLACE " -parallel-jobs=[0-9]+" "" options "${options}")
  list(APPEND options "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include ${ROCMKIT_FILES}/half.h>")
  set_property(TARGET onnxruntime_providers_rocm PROPERTY COMPILE_OPTIONS ${options})
  # Newer compilers warn of more. CMake's own option for this is forgotten when it is run again by ninja.
  get_property(targets DIRECTORY "${CMAKE_SOURCE_DIR}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    set_property(TARGET ${target} PROPERTY COMPILE_WARNING_AS_ERROR OFF)
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL rocmkit_change_targets)

# ONNX Runtime reads ROCm's release, as 6.3.4-1, from a file that AMD's packages have and distributions' have not, and again from a header.
set(onnxruntime_ROCM_HOME "${ROCMKIT_ROCM}" CACHE PATH "root of ROCm" FORCE)
set(told "")
if(EXISTS "${ROCMKIT_ROCM}/.info/version")
  file(READ "${ROCMKIT_ROCM}/.info/version" told LIMIT 64)
endif()
if(NOT told MATCHES "^[0-9]+\\.[0-9]+\\.[0-9]+-" OR NOT EXISTS "${ROCMKIT_ROCM}/include/rocm-core/rocm_version.h")
  set(home "${CMAKE_BINARY_DIR}/rocm-home")
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)(\\.([0-9]+))?" found "${ROCMKIT_ROCM_VERSION}")
  if(NOT found)
    message(FATAL_ERROR "ROCm's release is not known: ${ROCMKIT_ROCM_VERSION}")
  endif()
  set(patch 0)
  if(NOT "${CMAKE_MATCH_4}" STREQUAL "")
    set(patch "${CMAKE_MATCH_4}")
  endif()
  file(WRITE "${home}/.info/version" "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${patch}-0\n")
  file(WRITE "${home}/include/rocm-core/rocm_version.h"
"#pragma once
#define ROCM_VERSION_MAJOR ${CMAKE_MATCH_1}
#define ROCM_VERSION_MINOR ${CMAKE_MATCH_2}
#define ROCM_VERSION_PATCH ${patch}
")
  foreach(part IN ITEMS bin lib llvm)
    if(EXISTS "${ROCMKIT_ROCM}/${part}")
      file(CREATE_LINK "${ROCMKIT_ROCM}/${part}" "${home}/${part}" SYMBOLIC)
    endif()
  endforeach()
  # The folder of the distribution's own headers has to stay where the compiler has it in its order: it is found without being named.
  if(NOT ROCMKIT_ROCM STREQUAL "/usr")
    include_directories(SYSTEM "${ROCMKIT_ROCM}/include")
  endif()
  set(onnxruntime_ROCM_HOME "${home}" CACHE PATH "root of ROCm" FORCE)
endif()
