# Transport over real sockets on 127.0.0.1. zmq.h is used here only to play the hostile peer.
lth_test(test_net SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_net_sockets.c LIBS lth_net PkgConfig::zmq)
lth_test(test_net_hostile SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_net_hostile.c
         LIBS lth_net PkgConfig::zmq)
set_tests_properties(test_net test_net_hostile PROPERTIES
  ENVIRONMENT "TSAN_OPTIONS=ignore_noninstrumented_modules=1")
