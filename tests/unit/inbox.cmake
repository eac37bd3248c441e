# Inboxes of hosted schools, on a real directory.
lth_test(test_inbox SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_inbox.c
         ${CMAKE_SOURCE_DIR}/agents/shell/inbox_posix.c ${CMAKE_SOURCE_DIR}/agents/shell/dir_posix.c
         LIBS lth_base lth_crypto)
lth_test(test_kept SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/test_kept.c
         ${CMAKE_SOURCE_DIR}/agents/shell/kept.c ${CMAKE_SOURCE_DIR}/agents/shell/kept_posix.c
         ${CMAKE_SOURCE_DIR}/agents/shell/dir_posix.c
         LIBS lth_base)
