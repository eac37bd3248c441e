lth_fuzz(fuzz_capture_pipe SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_capture_pipe.c
         LIBS lth_capture_pipe CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/capture_pipe)
