# The broker's core over a store in memory.
lth_library(lth_test_broker SOURCES test_broker_fixture.c
            LIBS lth_broker_core lth_store_mem lth_test_hasher cmocka)
foreach(part ingest merge release holds unique forward epochs faults)
  lth_test(test_broker_${part} SOURCES test_broker_${part}.c LIBS lth_test_broker)
endforeach()
