# Reading the schools' sources.
lth_test(test_capture_pipe SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_pipe.c
         LIBS lth_capture_pipe)
lth_test(test_capture_scan SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_scan.c
         ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_kit.c
         LIBS lth_capture_pipe lth_test_hasher PkgConfig::odbc
         ARGS $<TARGET_FILE:lienthong-capture>)
add_dependencies(test_capture_scan lienthong-capture)
lth_test(test_capture_file SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_file.c
         ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_kit.c
         ${CMAKE_SOURCE_DIR}/agents/capture/sqlite_file.c
         LIBS lth_capture_pipe PkgConfig::odbc)

# The agent's side.
lth_test(test_capture_children SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_children.c
         ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_kit.c
         ${CMAKE_SOURCE_DIR}/agents/shell/children.c ${CMAKE_SOURCE_DIR}/agents/shell/platform_posix.c
         LIBS lth_capture_pipe lth_crypto lth_program PkgConfig::odbc
         ARGS $<TARGET_FILE:lienthong-capture>)
add_dependencies(test_capture_children lienthong-capture)
lth_test(test_capture_exchange SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_exchange.c
         ${CMAKE_SOURCE_DIR}/agents/shell/exchange.c LIBS lth_base)
lth_test(test_capture_headers SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_headers.c
         ${CMAKE_SOURCE_DIR}/agents/capture/headers.c
         LIBS lth_capture_pipe lth_schema)
lth_test(test_capture_split SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_capture_split.c
         ${CMAKE_SOURCE_DIR}/agents/capture/split.c ${CMAKE_SOURCE_DIR}/agents/capture/rows.c
         LIBS lth_capture_pipe lth_sheet)
