# unpact_check_pcre2(FOLDER)   refuses the pcre2.h in FOLDER when it is older than what the tokenizers' expressions need
# Alone, for the test: cmake -DPCRE2_INCLUDE_DIR=FOLDER -P cmake/UnpactPcre2.cmake
#
# 10.40 is the first that knows Unicode's binary properties (\p{Alphabetic}, which \w means in tokenizers' expressions);
# older ones build, and then refuse tokenizers at run time.
set(UNPACT_PCRE2_VERSION 10.40)

function(unpact_check_pcre2 folder)
  file(STRINGS ${folder}/pcre2.h lines REGEX "^#define +PCRE2_(MAJOR|MINOR) ")
  string(REGEX REPLACE ".*PCRE2_MAJOR +([0-9]+).*PCRE2_MINOR +([0-9]+).*" "\\1.\\2" version "${lines}")
  if(NOT version MATCHES "^[0-9]+\\.[0-9]+$")
    message(FATAL_ERROR "${folder}/pcre2.h does not say which version it is.\n"
            "Hint: install PCRE2 ${UNPACT_PCRE2_VERSION} or later, and point CMake at it with -DCMAKE_PREFIX_PATH=/path/to/pcre2.")
  endif()
  if(version VERSION_LESS UNPACT_PCRE2_VERSION)
    message(FATAL_ERROR "PCRE2 ${version} was found in ${folder}, but ${UNPACT_PCRE2_VERSION} or later is needed: "
            "it would refuse the regular expressions of many tokenizers.\n"
            "Hint: install a later one (Debian 12 has it in libpcre2-dev), and point CMake at it with "
            "-DCMAKE_PREFIX_PATH=/path/to/pcre2.")
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  unpact_check_pcre2(${PCRE2_INCLUDE_DIR})
endif()
