# Run at build time: writes build_info.hpp when its content changes, so that results name the commit that made them.
execute_process(COMMAND git -C ${SOURCE_DIR} rev-parse HEAD OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit unknown)
else()
  execute_process(COMMAND git -C ${SOURCE_DIR} diff --quiet HEAD -- src include jobs CMakeLists.txt RESULT_VARIABLE changed)
  if(changed)
    string(APPEND commit "+")
  endif()
endif()
set(content "#pragma once
#define UNPACT_VERSION \"${VERSION}\"
#define UNPACT_GIT_COMMIT \"${commit}\"
#define UNPACT_BUILD_TYPE \"${BUILD_TYPE}\"
#define UNPACT_COMPILER \"${COMPILER}\"
")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL content)
  file(WRITE ${OUTPUT} "${content}")
endif()
