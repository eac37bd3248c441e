lth_fuzz(fuzz_public SOURCES fuzz_public.c LIBS lth_schema lth_record lth_test_hasher
         CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/public)
