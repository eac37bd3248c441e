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
