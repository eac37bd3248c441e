lth_fuzz(fuzz_kept SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_kept.c
         ${CMAKE_SOURCE_DIR}/agents/shell/kept.c
         LIBS lth_base CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/kept)
