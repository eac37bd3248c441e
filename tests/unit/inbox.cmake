# Inboxes of hosted schools, on a real directory.
lth_test(test_inbox SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_inbox.c
         ${CMAKE_SOURCE_DIR}/agents/shell/inbox_posix.c
         LIBS lth_base lth_crypto)
