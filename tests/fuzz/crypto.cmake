lth_fuzz(fuzz_cert SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_cert.c LIBS lth_crypto
         CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/cert)
target_compile_definitions(fuzz_cert PRIVATE LTH_GOLDEN_CERTS="${CMAKE_SOURCE_DIR}/tests/golden/certs")
