foreach(part hash sign file cert scrypt)
  lth_test(test_crypto_${part} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_crypto_${part}.c
           LIBS lth_crypto)
endforeach()
target_compile_definitions(test_crypto_cert PRIVATE
                           LTH_GOLDEN_CERTS="${CMAKE_SOURCE_DIR}/tests/golden/certs")
