lth_test(test_broker_shell
  SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_broker_shell.c ${CMAKE_SOURCE_DIR}/broker/shell/ring.c
          ${CMAKE_SOURCE_DIR}/broker/shell/peers.c
  LIBS lth_base Threads::Threads)
