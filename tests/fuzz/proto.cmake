lth_fuzz(fuzz_frame SOURCES ${CMAKE_CURRENT_LIST_DIR}/fuzz_frame.c LIBS lth_proto
         CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/frame)
