# The agent's core over a store in memory, against a broker that checks every batch.
lth_library(lth_test_agent SOURCES test_agent_world.c test_agent_broker.c test_agent_file.c
            LIBS lth_agent_core lth_store_mem lth_test_hasher)
foreach(name codec rows faults natural crash link answers resync schedule match guard newcomers upload judge year header)
  lth_test(test_agent_${name} SOURCES test_agent_${name}.c LIBS lth_test_agent)
endforeach()
