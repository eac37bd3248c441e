lth_test(test_control SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_control.c LIBS lth_control Threads::Threads)
