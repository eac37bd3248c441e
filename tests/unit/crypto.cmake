foreach(part hash sign)
  lth_test(test_crypto_${part} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_crypto_${part}.c
           LIBS lth_crypto)
endforeach()
