# How every target of the project is compiled. One place for warnings, hardening and sanitizers.

add_library(lth_flags INTERFACE)
target_compile_features(lth_flags INTERFACE c_std_17)
target_compile_definitions(lth_flags INTERFACE _GNU_SOURCE LTH_VERSION="${PROJECT_VERSION}")
target_include_directories(lth_flags INTERFACE ${CMAKE_SOURCE_DIR}/lib/include ${CMAKE_SOURCE_DIR})
target_compile_options(lth_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -fno-strict-aliasing -fstack-protector-strong -fcf-protection -fstack-clash-protection
  $<$<BOOL:${LTH_WERROR}>:-Werror>
  $<$<C_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>)
if(NOT LTH_SANITIZE)
  target_compile_options(lth_flags INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
else()
  target_compile_options(lth_flags INTERFACE -fsanitize=${LTH_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(lth_flags INTERFACE -fsanitize=${LTH_SANITIZE})
endif()
if(LTH_FUZZ)
  target_compile_options(lth_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_link_options(lth_flags INTERFACE -fsanitize=address,undefined)
endif()
target_link_options(lth_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_EXTENSIONS OFF)

# lth_library(NAME SOURCES a.c b.c LIBS x y): a static library of the project.
function(lth_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC lth_flags ${arg_LIBS})
endfunction()

# lth_program(NAME SOURCES ... LIBS ... [DESTINATION bin|libexec/lienthong]): an installed program.
function(lth_program name)
  cmake_parse_arguments(arg "" "DESTINATION" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE lth_flags ${arg_LIBS})
  target_link_options(${name} PRIVATE -pie)
  if(NOT arg_DESTINATION)
    set(arg_DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${arg_DESTINATION})
endfunction()

# lth_test(NAME SOURCES ... LIBS ... [ARGS ...]): a cmocka program registered with CTest.
function(lth_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS;ARGS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE lth_flags ${arg_LIBS} cmocka)
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# lth_fuzz(NAME SOURCES ... LIBS ... CORPUS dir): with LTH_FUZZ a libFuzzer program; otherwise the
# same target run over its committed corpus as a regression test (tests/fuzz/replay_main.c).
function(lth_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LIBS" ${ARGN})
  if(LTH_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${name} ${arg_SOURCES} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
    add_test(NAME ${name} COMMAND ${name} ${arg_CORPUS})
    set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
  target_link_libraries(${name} PRIVATE lth_flags ${arg_LIBS})
endfunction()
